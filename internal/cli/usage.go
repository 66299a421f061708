package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/fault"
)

// complete gives every command what all have: an example, and complaints about arguments that say what is wanted.
func complete(c *cobra.Command) {
	path := strings.TrimPrefix(c.CommandPath(), "paraplu ")
	if text, ok := examples[path]; ok {
		c.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
	}
	if c.HasSubCommands() && !c.Runnable() { // a group alone shows its help; a wrong word after it is an error
		c.Args = cobra.NoArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return wrongArgs(c, args)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		complete(sub)
	}
}

func wrongArgs(c *cobra.Command, args []string) error {
	if c.HasSubCommands() && len(args) > 0 {
		err := fault.New(fault.Invalid, "%q is not a command of %s", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return err.WithHint("%s %s", c.CommandPath(), near[0])
		}
		return err.WithHint("%s --help", c.CommandPath())
	}
	wants := "no argument"
	if words := strings.Fields(c.Use)[1:]; len(words) > 0 {
		wants = strings.Join(words, " ")
	}
	hint := c.CommandPath() + " --help"
	if c.Example != "" {
		hint = strings.TrimSpace(strings.Split(strings.TrimSpace(c.Example), "\n")[0])
	}
	got := "nothing"
	if len(args) > 0 {
		got = fmt.Sprintf("%q", strings.Join(args, " "))
	}
	return fault.New(fault.Invalid, "%s takes %s; it got %s", c.CommandPath(), wants, got).WithHint("%s", hint)
}

// unknownCommand turns cobra's complaint about the first word into one of ours.
func unknownCommand(root *cobra.Command, err error) error {
	if !strings.HasPrefix(err.Error(), "unknown command ") {
		return err
	}
	word := strings.SplitN(err.Error(), `"`, 3)[1]
	out := fault.New(fault.Invalid, "%q is not a command of paraplu", word)
	if near := root.SuggestionsFor(word); len(near) > 0 {
		return out.WithHint("paraplu %s", near[0])
	}
	return out.WithHint("paraplu --help")
}

// short shows paths under the current folder as relative ones.
func short(text string) string {
	cwd, err := os.Getwd()
	if err != nil || cwd == "/" {
		return text
	}
	return strings.ReplaceAll(text, cwd+"/", "")
}

// examples is what --help shows for each command.
var examples = map[string]string{
	"init":              "mkdir umbrellas && cd umbrellas && paraplu init\nparaplu init umbrellas",
	"demo":              "paraplu demo\nparaplu demo --exit --dir /tmp/umbrella --addr 127.0.0.1:0",
	"up":                "paraplu up\nparaplu up --addr 127.0.0.1:5001\nparaplu up --db postgres://paraplu@db.example/paraplu",
	"next":              "paraplu next",
	"status":            "paraplu status\nparaplu status --json",
	"canvas":            "paraplu canvas\nparaplu canvas sign --as bo",
	"canvas sign":       "paraplu canvas sign --as bo",
	"data":              "paraplu data add sales deliveries/2026-03.csv --as daisy\nparaplu data ls",
	"data add":          "paraplu data add sales deliveries/2026-03.csv --as daisy",
	"data ls":           "paraplu data ls",
	"data log":          "paraplu data log sales",
	"data asof":         "paraplu data asof decisions.csv forecasts.csv --known issued_at --on day=valid_for --keep rain_mm --prefix forecast_ -o build/features.csv",
	"data status":       "paraplu data status\nparaplu data status sales --json",
	"data diff":         "paraplu data diff sales                  # the newest version, against what lies there\nparaplu data diff sales@v1 sales@v2\nparaplu data diff sales@v1 sales@v2 --key day,shop --json",
	"data import":       "paraplu data import sales https://example.org/sales.csv\nparaplu data import sales --update       # again, if it changed\nparaplu data import sales --sql \"SELECT day, sold FROM sales ORDER BY day\" --from postgres://daisy@db.example/shop\nparaplu data import photos ../vision//data/photos    # what a DVC repository tracks",
	"data get":          "paraplu data get pictures@v3 cats/**/*.png --to /tmp/cats\nparaplu data get sales@v3 --to -\nparaplu data get sales@v3                # a read-only copy; prints where it is",
	"data alias":        "paraplu data alias sales gold v3              # sales@gold means v3\nparaplu data alias sales gold v4 --from v3    # unless somebody else moved it\nparaplu data alias sales gold --remove\nparaplu data alias sales",
	"data checkout":     "paraplu data checkout sales@v3\nparaplu data checkout sales@2026-03-31        # the newest one of that day (UTC)\nparaplu data checkout sales@v3 --to /tmp/sales-v3.csv",
	"contract":          "paraplu contract infer deliveries/2026-03.csv -o contracts/sales.odcs.yaml",
	"contract infer":    "paraplu contract infer sales -o contracts/sales.odcs.yaml\nparaplu contract infer bridge.csv --timezone America/Los_Angeles",
	"contract validate": "paraplu contract validate contracts/sales.odcs.yaml",
	"contract diff":     "paraplu contract diff contracts/sales.odcs.yaml new.odcs.yaml --strict",
	"check":             "paraplu check                        # every dataset under contract, as it lies there\nparaplu check sales                  # one dataset\nparaplu check sales new.csv          # a file that wants to become a version; only the report is kept\nparaplu check sales@v3               # a version that is stored\nparaplu check --leakage build/features.csv   # was every feature known when the decision was taken?",
	"profile":           "paraplu profile sales                # the newest version\nparaplu profile sales@v3 --html sales.html   # one page for anybody\nparaplu profile export.parquet --memory 512MB --json",
	"run":               "paraplu run                          # all steps\nparaplu run train                    # one step and all it needs\nparaplu run --set train.depth=4      # with another param\nparaplu run --dry-run                # only say what would run, and why",
	"package":           "paraplu package --as daisy\nparaplu package verify latest",
	"package ls":        "paraplu package ls",
	"package verify":    "paraplu package verify latest\nparaplu package verify 3dbd3051cfd0",
	"package export":    "paraplu package export latest build/package",
	"release":           "paraplu release --as daisy           # the latest package\nparaplu release 3dbd3051cfd0 --as daisy",
	"release ls":        "paraplu release ls",
	"approve":           "paraplu approve RELEASE --as bo --reason \"saves enough\"\nparaplu approve RELEASE --as bo --reject --reason \"not in the holidays\"",
	"place":             "paraplu place --as eddy              # the latest package\nparaplu place 3dbd3051cfd0 --as eddy --force --reason \"the shop is closed otherwise\"",
	"rollback":          "paraplu rollback --as eddy --reason \"orders make no sense\"",
	"deployments":       "paraplu deployments",
	"truth":             "paraplu truth deliveries/2026-04.csv --day day --value sold",
	"monitor":           "paraplu monitor\nparaplu monitor --as-of 2026-04-07",
	"incidents":         "paraplu incidents\nparaplu incidents --ack umbrellas-1 --as daisy\nparaplu incidents --resolve umbrellas-1 --as daisy --verdict true --reason \"the shop next door closed\"",
	"retrain":           "paraplu retrain --as daisy --reason \"incident umbrellas-1\"",
	"bill":              "paraplu bill\nparaplu bill --from 2026-01-01 --to 2027-01-01",
	"exp":               "paraplu exp list\nparaplu exp show icecream",
	"exp list":          "paraplu exp list\nparaplu exp list --deleted",
	"exp show":          "paraplu exp show icecream",
	"exp rename":        "paraplu exp rename icecream gelato",
	"exp delete":        "paraplu exp delete icecream",
	"exp restore":       "paraplu exp restore icecream",
	"runs":              "paraplu runs list -e icecream --order metrics.cost_eur\nparaplu runs plot loss 3f2a 91bc --log",
	"runs list":         "paraplu runs list -e icecream --order metrics.cost_eur\nparaplu runs list --filter \"min(metrics.loss) < 0.2 AND NOT params.depth > 6\"\nparaplu runs list --columns name,metrics.loss,params.depth -n 0 --json",
	"runs show":         "paraplu runs show 3f2a1c",
	"runs compare":      "paraplu runs compare 3f2a1c 91bc02\nparaplu runs compare 3f2a1c 91bc02 --differences",
	"runs plot":         "paraplu runs plot loss 3f2a1c 91bc02\nparaplu runs plot loss 3f2a1c --log --by time",
	"runs export":       "paraplu runs export --parquet runs.parquet -e icecream\nparaplu runs export --csv points.csv --metrics --columns metrics.loss",
	"runs delete":       "paraplu runs delete 3f2a1c",
	"runs restore":      "paraplu runs restore 3f2a1c",
	"log":               "paraplu log -n 20\nparaplu log --verb deployment.placed",
	"lineage":           "paraplu lineage sales@v1 --down\nparaplu lineage package:3dbd3051cfd0",
	"schema":            "paraplu schema > paraplu.schema.json",
	"gc":                "paraplu gc --dry-run\nparaplu gc --now",
	"doctor":            "paraplu doctor\nparaplu doctor --workspace --deep",
	"completion":        "source <(paraplu completion bash)",
	"completion bash":   "source <(paraplu completion bash)",
	"completion zsh":    "source <(paraplu completion zsh)",
	"completion fish":   "paraplu completion fish | source",
	"help":              "paraplu help data add",
	"import":            "paraplu import mlflow http://127.0.0.1:5000",
	"import mlflow":     "paraplu import mlflow http://127.0.0.1:5000 --dry-run\nparaplu import mlflow mlflow.db --artifacts mlartifacts",
	"export":            "paraplu export mlflow http://127.0.0.1:5000",
	"export mlflow":     "paraplu export mlflow http://127.0.0.1:5000 --dry-run",
}
