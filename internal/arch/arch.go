// Package arch holds the import rules of the house; its test reads every import of the module and refuses what the map
// in ARCHITECTURE.md does not allow. Change the map and this table together, in a commit that says why.
package arch

// level of each folder below internal/. A package imports only lower levels, and inside level 2 only along rooms.
var level = map[string]int{
	// words and mathematics: standard library only, no I/O
	"ref": 0, "fault": 0, "dag": 0, "stat": 0, "series": 0, "onnx": 0, "filter": 0, "intake": 0, "chunk": 0,
	// seams
	"blob": 1, "db": 1, "event": 1, "job": 1, "spec": 1, "whole": 1,
	// rooms
	"team": 2, "dataset": 2, "quality": 2, "pipeline": 2, "tracking": 2, "modelpack": 2, "registry": 2, "serving": 2,
	"rollout": 2, "monitor": 2, "lineage": 2, "trace": 2, "webhook": 2,
	// glue
	"steps": 3, "transfer": 3,
	// adapters
	"adapter": 4,
	// faces
	"api": 5, "httpapi": 5, "mlflow": 5, "inference": 5, "web": 5,
	// wiring
	"app": 6,
	// commands
	"cli": 7, "demo": 7,
	// rules, imports nothing
	"arch": 0,
}

// rooms are the only arrows between rooms.
var rooms = map[string][]string{
	"quality":  {"dataset"},
	"serving":  {"modelpack"},
	"registry": {"modelpack"},
	"rollout":  {"registry"},
	"monitor":  {"quality"},
}

// peers are the only arrows inside the other levels: seams stand on db, faces speak the structs of api.
var peers = map[string][]string{
	"event":   {"db"},
	"blob":    {"whole"},
	"job":     {"db"},
	"httpapi": {"api"},
	"web":     {"api"},
	"cli":     {"demo"},
	"monitor": {"quality"},
}

// sdks are the heavy third-party modules, each with the only folders that may import it. Nothing else may.
var sdks = map[string][]string{
	"github.com/duckdb/":          {"adapter"},
	"github.com/jackc/pgx":        {"db"},
	"github.com/mattn/go-sqlite3": {"db"},
	"github.com/pressly/goose":    {"db"},
	"github.com/riverqueue/":      {"job"},
	"gocloud.dev/":                {"blob"},
	"github.com/zeebo/blake3":     {"blob"},
	"github.com/klauspost/":       {"blob"},
	"github.com/danielgtaylor/":   {"httpapi"},
	"github.com/spf13/cobra":      {"cli"},
	"go.yaml.in/yaml":             {"spec", "dataset", "quality", "pipeline", "modelpack"},
	"go.opentelemetry.io/proto":   {"trace"},
	"google.golang.org/protobuf":  {"trace"},
	"golang.org/x/term":           {"cli", "demo"},
	"pgregory.net/rapid":          nil, // tests only
	"github.com/rogpeppe/":        nil, // tests only
	"golang.org/x/sync":           {"pipeline", "serving", "transfer", "adapter", "app"},
}
