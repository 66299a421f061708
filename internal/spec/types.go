package spec

// Product is a paraplu.yaml. Sections that the file leaves out have their
// defaults; [Product.Has] tells whether a section was written.
type Product struct {
	Info     `json:"product" spec:"required" doc:"What the team owns."`
	Canvas   Canvas   `json:"canvas,omitzero" doc:"The use case: problem, decision, outcome, value in money, baseline, kill criterion."`
	Team     Team     `json:"team,omitzero" doc:"People and who is accountable for what."`
	Data     []Data   `json:"data,omitempty" spec:"keyed" doc:"Named datasets, each a file or folder under a contract."`
	Pipeline Pipeline `json:"pipeline,omitzero" doc:"Steps that turn data into a model, cached by content."`
	Model    Model    `json:"model,omitzero" doc:"The model that the pipeline exports."`
	Release  Release  `json:"release,omitzero" doc:"What must hold before a package reaches an environment."`
	Deploy   Deploy   `json:"deploy,omitzero" doc:"Where and how the model answers."`
	Monitor  Monitor  `json:"monitor,omitzero" doc:"What is watched, and who is called."`
	Retrain  Retrain  `json:"retrain,omitzero" doc:"How a new candidate is made from newer data."`

	// Sections lists the top-level keys in the order of the file.
	Sections []string `json:"sections,omitempty" spec:"-"`
	// File is the name given to Parse, Dir the folder that relative paths start from.
	File string `json:"-"`
	Dir  string `json:"-"`

	places map[string]Place
}

// Info is the section `product`.
type Info struct {
	Name        string `json:"name" spec:"required" format:"name" doc:"Short name, used in references and addresses."`
	Title       string `json:"title,omitempty" doc:"Name for people."`
	Description string `json:"description,omitempty" doc:"What the product does, in a sentence or two."`
	Risk        string `json:"risk,omitempty" enum:"low|medium|high" default:"medium" doc:"Risk tier: sets how many people approve a release."`
}

// Canvas is the section `canvas`. Empty fields are evidence that is still missing.
type Canvas struct {
	Problem   string   `json:"problem,omitempty" doc:"What goes wrong today, and for whom."`
	Decision  string   `json:"decision,omitempty" doc:"The decision that changes because of a prediction."`
	DecidedBy string   `json:"decided_by,omitempty" format:"name" doc:"Member who takes the decision."`
	Decided   string   `json:"decided,omitempty" doc:"When and how often it is taken."`
	Outcome   Outcome  `json:"outcome,omitzero" doc:"What happens in the end, and when it is known."`
	Baseline  string   `json:"baseline,omitempty" format:"name" doc:"The naive rule in use today; every model must beat it."`
	Value     Value    `json:"value,omitzero" doc:"Money: the cost of errors and the target."`
	Kill      Kill     `json:"kill,omitzero" doc:"When the product is stopped."`
	Never     []string `json:"never,omitempty" doc:"What must never happen."`
	Fallback  string   `json:"fallback,omitempty" doc:"What is done when there is no prediction."`
}

// Outcome is the truth that arrives after the decision.
type Outcome struct {
	What       string   `json:"what,omitempty" spec:"required" doc:"The measured outcome."`
	KnownAfter Duration `json:"known_after,omitzero" doc:"How long after the decision the outcome is known."`
}

// Value is money per row. Expression is SQL over prediction, truth, baseline,
// too_few and too_many and gives a cost in Unit.
type Value struct {
	Unit          string  `json:"unit,omitempty" spec:"required" doc:"Currency, for example EUR."`
	TooFew        float64 `json:"too_few,omitempty" spec:"min=0" doc:"Cost of one unit too few."`
	TooMany       float64 `json:"too_many,omitempty" spec:"min=0" doc:"Cost of one unit too many."`
	TargetPerYear float64 `json:"target_per_year,omitempty" doc:"Money to gain in a year against the baseline."`
	Expression    string  `json:"expression,omitempty" default:"too_few*greatest(truth-prediction,0)+too_many*greatest(prediction-truth,0)" doc:"Cost of one row: SQL over prediction, truth, baseline, too_few, too_many."`
}

// Kill is the end that was agreed at the start.
type Kill struct {
	Criterion string `json:"criterion,omitempty" spec:"required" doc:"The condition under which the product is stopped."`
	Date      Date   `json:"date,omitzero" doc:"The day on which the criterion is judged."`
}

// Team is the section `team`.
type Team struct {
	Members          []Member         `json:"members,omitempty" doc:"The people of the product."`
	Responsibilities []Responsibility `json:"responsibilities,omitempty" spec:"keyed" doc:"Overrides of the preset, keyed by activity."`
}

// Member is a person.
type Member struct {
	Name  string `json:"name" spec:"required" format:"name" doc:"Short name, unique in the team."`
	Title string `json:"title,omitempty" doc:"Name for people."`
	Role  string `json:"role" spec:"required" enum:"data scientist|ml engineer|business|approver|auditor|viewer|admin" doc:"What the person may do."`
	Email string `json:"email,omitempty" doc:"Where alerts are sent."`
}

// Responsibility says who answers for an activity.
type Responsibility struct {
	Activity    string `json:"activity" spec:"key" format:"activity"`
	Accountable string `json:"accountable" spec:"required" format:"name" doc:"The one member who answers for it."`
	Backup      string `json:"backup,omitempty" format:"name" doc:"Another member, called when the first does not answer."`
}

// Data is a named dataset of the section `data`.
type Data struct {
	Name        string `json:"name" spec:"key" format:"name"`
	Path        string `json:"path" spec:"required" format:"path" doc:"File or folder, relative to paraplu.yaml."`
	Contract    string `json:"contract,omitempty" format:"path" doc:"ODCS contract file."`
	Owner       string `json:"owner,omitempty" format:"name" doc:"Member who answers for the data."`
	Description string `json:"description,omitempty" doc:"What a row is."`
	Source      string `json:"source,omitempty" doc:"Where it comes from."`
	Licence     string `json:"licence,omitempty" doc:"Under which terms."`
	Simulated   bool   `json:"simulated,omitempty" doc:"True when the data was generated, not observed."`
	KnownAt     string `json:"known_at,omitempty" doc:"SQL over the columns: when a row became known."`
}

// Pipeline is the section `pipeline`.
type Pipeline struct {
	Params []string `json:"params,omitempty" format:"path" doc:"Parameter files (YAML or JSON); later files win. Default params.yaml."`
	Steps  []Step   `json:"steps,omitempty" spec:"keyed" doc:"Commands with what they read and write."`
}

// Step is a node of the pipeline. Deps, Outs and Metrics are clean slash paths
// relative to paraplu.yaml. Metrics are outputs too.
type Step struct {
	Name          string            `json:"name" spec:"key" format:"name"`
	Cmd           Command           `json:"cmd" spec:"required" doc:"Shell command, or a list that runs one after the other."`
	Deps          []string          `json:"deps,omitempty" format:"path" doc:"Files and folders that the command reads, its code too."`
	Params        []string          `json:"params,omitempty" format:"dotted" doc:"Dotted keys of the parameter files that it reads."`
	Outs          []string          `json:"outs,omitempty" format:"path" doc:"Files and folders that it writes."`
	Metrics       []string          `json:"metrics,omitempty" format:"path" doc:"JSON files of numbers that it writes."`
	Env           map[string]string `json:"env,omitempty" format:"env" values:"free" doc:"Environment variables of the command."`
	Timeout       Duration          `json:"timeout,omitzero" doc:"Kill the command after this time."`
	AlwaysChanged bool              `json:"always_changed,omitempty" doc:"Run every time, never take it from the cache."`
	Desc          string            `json:"desc,omitempty" doc:"What the step is for."`
}

// Model is the section `model`.
type Model struct {
	Name      string            `json:"name,omitempty" spec:"required" format:"name" doc:"Name in the registry."`
	Task      string            `json:"task,omitempty" enum:"regression|classification|forecasting|ranking|other" default:"regression" doc:"What kind of answer it gives."`
	Export    string            `json:"export,omitempty" format:"path" doc:"Folder that the training step exports."`
	Features  string            `json:"features,omitempty" format:"path" doc:"Feature table used for training."`
	Holdout   string            `json:"holdout,omitempty" format:"path" doc:"Table of hold-out predictions and truth."`
	DecidedAt string            `json:"decided_at,omitempty" doc:"Column of the feature table: when the decision is taken."`
	KnownAt   map[string]string `json:"known_at,omitempty" format:"column" doc:"Feature column to the column that says when it was known."`
}

// Release is the section `release`.
type Release struct {
	Environment string    `json:"environment,omitempty" format:"name" default:"production" doc:"The environment that is guarded."`
	Gates       []string  `json:"gates,omitempty" enum:"contract|leakage|parity|beats-baseline|beats-champion" doc:"Evidence that must hold."`
	Approvals   Approvals `json:"approvals,omitzero" doc:"People who must agree; never the author."`
}

// Approvals says how many people sign, of which role, and for how long it holds.
type Approvals struct {
	People  int      `json:"people" spec:"min=0,max=20" doc:"How many people; 0 means no second pair of eyes. Default by risk: low 0, medium 1, high 2."`
	Role    string   `json:"role,omitempty" enum:"data scientist|ml engineer|business|approver|auditor|viewer|admin" doc:"Role of at least one of them."`
	Expires Duration `json:"expires,omitzero" doc:"How long an approval allows new placements. Default by risk: 180d, for high 90d."`
}

// Deploy is the section `deploy`.
type Deploy struct {
	Environment string   `json:"environment,omitempty" format:"name" default:"production" doc:"Where the model answers."`
	Endpoint    string   `json:"endpoint,omitempty" format:"name" doc:"Name of the endpoint. Default: the product's name."`
	Rollout     []string `json:"rollout,omitempty" enum:"shadow|canary|full" default:"full" doc:"How a new package takes over, in this order."`
}

// Monitor is the section `monitor`. A nil rule is not watched.
type Monitor struct {
	Window      Duration     `json:"window,omitzero" default:"7d" doc:"Length of a window."`
	MinRows     int          `json:"min_rows,omitempty" spec:"min=1" default:"5" doc:"A window with fewer rows with truth is not judged."`
	Performance *Performance `json:"performance,omitempty" doc:"Error of the predictions against late truth."`
	Value       *ValueRule   `json:"value,omitempty" doc:"Money lost against the baseline."`
	Drift       *Drift       `json:"drift,omitempty" doc:"Distribution of inputs against the training data."`
}

// Performance is a rule over an error metric: K of the last Of windows above Limit.
type Performance struct {
	Metric   string `json:"metric" spec:"required" enum:"wape|mae|rmse|mape|smape|bias|pinball|accuracy|f1|auc|logloss|brier" doc:"The metric."`
	Limit    Limit  `json:"limit,omitzero" default:"auto" doc:"Number, or auto: computed from the reference windows."`
	K        int    `json:"k,omitempty" spec:"min=1,max=100" default:"2" doc:"So many windows must be beyond the limit."`
	Of       int    `json:"of,omitempty" spec:"min=1,max=100" default:"3" doc:"Among so many last windows."`
	Activity string `json:"activity,omitempty" format:"activity" default:"watch model issues" doc:"Whose accountable member is called."`
	Runbook  string `json:"runbook,omitempty" format:"path" doc:"What to do, a file."`
	Severity string `json:"severity,omitempty" enum:"page|ticket|info" default:"page" doc:"How loud the alert is."`
}

// ValueRule is a rule over money: K of the last Of windows that lose more than Limit.
type ValueRule struct {
	Limit    Limit  `json:"limit,omitzero" default:"0" doc:"Money per window that may be lost against the baseline."`
	K        int    `json:"k,omitempty" spec:"min=1,max=100" default:"2" doc:"So many windows must be beyond the limit."`
	Of       int    `json:"of,omitempty" spec:"min=1,max=100" default:"3" doc:"Among so many last windows."`
	Activity string `json:"activity,omitempty" format:"activity" default:"watch value" doc:"Whose accountable member is called."`
	Runbook  string `json:"runbook,omitempty" format:"path" doc:"What to do, a file."`
	Severity string `json:"severity,omitempty" enum:"page|ticket|info" default:"page" doc:"How loud the alert is."`
}

// Drift watches input columns. It never pages: it explains what the other rules find.
type Drift struct {
	Columns    []string `json:"columns,omitempty" spec:"required" format:"column" doc:"Feature columns."`
	Method     string   `json:"method,omitempty" enum:"psi|ks|js|wasserstein|chi2" default:"psi" doc:"Distance between the distributions."`
	Limit      Limit    `json:"limit,omitzero" default:"auto" doc:"Number, or auto."`
	Diagnostic bool     `json:"diagnostic,omitempty" default:"true" doc:"Shown beside alerts, never an alert of its own."`
}

// Retrain is the section `retrain`.
type Retrain struct {
	Step     string         `json:"step,omitempty" spec:"required" format:"name" doc:"Step to reach; all it needs is run too."`
	Set      map[string]any `json:"set,omitempty" format:"dotted" doc:"Parameters to override, by dotted key."`
	Cooldown Duration       `json:"cooldown,omitzero" default:"7d" doc:"Least time between two retrainings."`
}

// Place is where something was written; Line and Col count from 1.
type Place struct{ Line, Col int }

// Activities are the activities of the shipped preset of responsibilities, in the
// order of the lifecycle. A product may add its own under team.responsibilities.
var Activities = []string{
	"use case, value, kill criterion",
	"develop model with business",
	"data quality, features",
	"production-ready package",
	"project set-up, CI",
	"CD, orchestration, monitoring",
	"decide go-live",
	"watch model issues",
	"watch pipeline and service issues",
	"watch value",
	"first response to an incident",
	"retrain",
	"roll back",
	"retire",
}
