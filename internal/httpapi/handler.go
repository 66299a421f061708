package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/intake"
	"github.com/paraplu/paraplu/internal/lineage"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

// Deps are what the API reads and writes.
type Deps struct {
	Steps   *steps.Steps  // with the rooms
	Lineage *lineage.Room // nil = no lineage
	Version string        // of the binary
	Log     *slog.Logger  // of defects; nil = the default logger
	// Product gives the product of the workspace, stored in the team room. nil, or a nil product, or fault.NotFound: the
	// workspace has no paraplu.yaml yet.
	Product func(context.Context) (*spec.Product, error)
	// Closing ends open streams when it is closed, so that a server can stop. nil = never.
	Closing   <-chan struct{}
	LiveEvery time.Duration // between two looks of a stream; 0 = a second
	Heartbeat time.Duration // of a stream without news; 0 = 15 seconds
}

// Prefix is where the API lives.
const Prefix = "/api/v1"

const (
	smallBody = 64 << 10
	queryBody = 1 << 20
	truthBody = 16 << 20
)

type server struct {
	Deps
	streams chan struct{} // a place for each open stream
}

var once sync.Once

// Handler answers everything below Prefix.
func Handler(d Deps) http.Handler {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	mux := http.NewServeMux()
	newAPI(mux, &server{Deps: d})
	mux.HandleFunc(Prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, fault.New(fault.NotFound, "there is no %s %s", r.Method, r.URL.Path).WithHint("%s/openapi.json lists what there is", Prefix))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if err := weigh(r); err != nil {
			writeProblem(w, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// maxValues bounds the values in a body: 100 000 outcomes with all their keys.
const maxValues = 1 << 20

// weigh reads a body and refuses one of too many values, before huma builds a tree of it. One that is too large or cut off
// goes on to huma, which says so.
func weigh(r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, truthBody+1))
	if err == nil {
		if err := intake.JSON(head, maxValues); err != nil {
			return fault.New(fault.Invalid, "%w", err)
		}
	}
	r.Body = &weighed{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	return nil
}

type weighed struct {
	io.Reader
	io.Closer
}

func newAPI(mux *http.ServeMux, s *server) huma.API {
	once.Do(func() { // huma keeps these for the process, and nothing else in the module uses it
		huma.DefaultArrayNullable = false
		huma.NewError = newError
	})
	config := huma.DefaultConfig("Paraplu", "v1")
	config.Info.Description = "The native API of Paraplu: everything a product's page shows, and what people do there."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = Prefix+"/openapi", "", ""
	config.CreateHooks = nil // no $schema in the answers
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{func(_ huma.Context, _ string, v any) (any, error) { return listed(v), nil }}
	api := humago.New(mux, config)
	s.routes(api)
	return api
}

func (s *server) routes(api huma.API) {
	get(s, api, "info", "/info", "What this server is", s.info)
	get(s, api, "products", "/products", "All products", s.products)
	get(s, api, "product", "/products/{product}", "Everything that the page of a product shows", s.product)
	get(s, api, "facts", "/products/{product}/facts", "What happened, oldest first", s.facts)
	get(s, api, "windows", "/products/{product}/windows", "What the monitors know, per window", s.windows)
	get(s, api, "incidents", "/products/{product}/incidents", "Incidents, newest first", s.incidents)
	get(s, api, "bill", "/products/{product}/bill", "Money of a period, and where each number comes from", s.bill)
	get(s, api, "lineage", "/lineage", "What something was made of, or what was made of it", s.lineage)
	get(s, api, "package", "/packages/{digest}", "A model package", s.pack)
	s.trackingRoutes(api)
	post(s, api, "truth", "/products/{product}/truth", "Deliver outcomes", truthBody, s.truth)
	post(s, api, "rollback", "/products/{product}/rollback", "Bring back the package that answered before", smallBody, s.rollback)
	post(s, api, "acknowledge", "/incidents/{id}/acknowledge", "Take an incident", smallBody, s.acknowledge)
	post(s, api, "resolve", "/incidents/{id}/resolve", "Close an incident", smallBody, s.resolve)
}

func (s *server) trackingRoutes(api huma.API) {
	get(s, api, "experiments", "/experiments", "All experiments, by name", s.experiments)
	post(s, api, "new-experiment", "/experiments", "Make an experiment", smallBody, s.newExperiment)
	get(s, api, "experiment", "/experiments/{id}", "An experiment, also a deleted one", s.experiment)
	post(s, api, "rename-experiment", "/experiments/{id}/rename", "Give an experiment another name", smallBody, s.renameExperiment)
	post(s, api, "delete-experiment", "/experiments/{id}/delete", "Put an experiment and its runs aside", smallBody, s.deleteExperiment)
	post(s, api, "restore-experiment", "/experiments/{id}/restore", "Bring an experiment and its runs back", smallBody, s.restoreExperiment)
	post(s, api, "runs", "/runs/query", "A page of a table of runs", queryBody, s.runs)
	get(s, api, "columns", "/runs/columns", "Metrics, params and tags that runs have", s.columns)
	get(s, api, "compare", "/runs/compare", "Runs side by side", s.compare)
	s.liveRoute(api)
	get(s, api, "run", "/runs/{id}", "A run with everything that was logged", s.run)
	post(s, api, "delete-run", "/runs/{id}/delete", "Put a run aside", smallBody, s.deleteRun)
	post(s, api, "restore-run", "/runs/{id}/restore", "Bring a run back", smallBody, s.restoreRun)
	get(s, api, "chart", "/runs/{id}/metrics/{key}", "A metric as it is drawn: few points, no peak lost", s.chart)
	get(s, api, "views", "/views", "Saved views of a product and of all, by name", s.views)
	post(s, api, "new-view", "/views", "Save a view", smallBody, s.newView)
	register(s, api, huma.Operation{OperationID: "change-view", Method: http.MethodPut, Path: Prefix + "/views/{id}", Summary: "Change a saved view", MaxBodyBytes: smallBody}, s.changeView)
	register(s, api, huma.Operation{OperationID: "delete-view", Method: http.MethodDelete, Path: Prefix + "/views/{id}", Summary: "Forget a saved view"}, s.deleteView)
}

// out is an answer with a body.
type out[T any] struct{ Body T }

func get[I, O any](s *server, api huma.API, id, path, summary string, fn func(context.Context, *I) (O, error)) {
	op := huma.Operation{OperationID: id, Method: http.MethodGet, Path: Prefix + path, Summary: summary}
	register(s, api, op, fn)
}

func post[I, O any](s *server, api huma.API, id, path, summary string, limit int64, fn func(context.Context, *I) (O, error)) {
	op := huma.Operation{OperationID: id, Method: http.MethodPost, Path: Prefix + path, Summary: summary, MaxBodyBytes: limit}
	register(s, api, op, fn)
}

func register[I, O any](s *server, api huma.API, op huma.Operation, fn func(context.Context, *I) (O, error)) {
	huma.Register(api, op, func(ctx context.Context, in *I) (*out[O], error) {
		body, err := fn(ctx, in)
		if err != nil {
			return nil, s.failed(op, err)
		}
		return &out[O]{body}, nil
	})
}

// failed gives an error as the client sees it, and logs it when it is a defect.
func (s *server) failed(op huma.Operation, err error) error {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.Log.Error("request failed", "operation", op.OperationID, "error", err)
	}
	return p
}

// here gives the product of the workspace if it has this name.
func (s *server) here(ctx context.Context, name string) (*spec.Product, error) {
	p, err := s.workspace(ctx)
	if err != nil {
		return nil, err
	}
	if p == nil || p.Name != name {
		return nil, fault.New(fault.NotFound, "the product of this workspace is not %q", name).
			WithHint("GET %s/products lists the products; start paraplu up in the folder of the one that you want", Prefix)
	}
	return p, nil
}

// workspace gives the product of the workspace, nil when it has none yet.
func (s *server) workspace(ctx context.Context) (*spec.Product, error) {
	if s.Product == nil {
		return nil, nil
	}
	p, err := s.Product(ctx)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return p, err
}

// member refuses an actor who is not in the team: every change has a name.
func member(p *spec.Product, name string) error {
	if _, ok := p.Member(name); !ok {
		return fault.New(fault.Denied, "%q is not a member of %s", name, p.Name).WithHint("use a name from the section team of paraplu.yaml")
	}
	return nil
}
