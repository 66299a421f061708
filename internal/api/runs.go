package api

// Experiment groups runs.
type Experiment struct {
	ID               string            `json:"id" doc:"Decimal number"`
	Name             string            `json:"name" doc:"Unique, also among deleted ones"`
	ArtifactLocation string            `json:"artifact_location" doc:"URI"`
	Stage            string            `json:"stage" enum:"active,deleted"`
	CreatedMs        int64             `json:"created_ms" doc:"Unix milliseconds"`
	UpdatedMs        int64             `json:"updated_ms"`
	Runs             int64             `json:"runs" doc:"Active ones"`
	LastMs           *int64            `json:"last_ms,omitempty" doc:"Latest start of a run"`
	Tags             map[string]string `json:"tags"`
}

// NewExperiment asks for an experiment.
type NewExperiment struct {
	Name             string `json:"name" minLength:"1" maxLength:"500"`
	ArtifactLocation string `json:"artifact_location,omitempty" doc:"URI; empty = the store of this server"`
}

// Rename gives another name.
type Rename struct {
	Name string `json:"name" minLength:"1" maxLength:"500"`
}

// RunsQuery asks for a page of a table of runs.
type RunsQuery struct {
	Experiments []string `json:"experiments,omitempty" maxItems:"1000" doc:"Ids; none = all"`
	Filter      string   `json:"filter,omitempty" maxLength:"100000" doc:"AND, OR, NOT and parentheses over comparisons" example:"min(metrics.loss) < 0.2 AND NOT (params.depth > 6 OR tags.note IS NULL)"`
	Order       []string `json:"order,omitempty" maxItems:"8" doc:"Terms; then the latest start first" example:"[\"min(metrics.loss) DESC\"]"`
	View        string   `json:"view,omitempty" enum:"active,deleted,all" default:"active"`
	Columns     []string `json:"columns,omitempty" maxItems:"1000" doc:"Only these metrics, params and tags; none = all of the rows up to 200" example:"[\"metrics.loss\", \"max(metrics.acc)\", \"params.depth\"]"`
	Limit       int      `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Page        string   `json:"page,omitempty" maxLength:"65536" doc:"Token of the answer before"`
	NoTotal     bool     `json:"no_total,omitempty" doc:"Do not count"`
}

// RunsTable is a page of runs. The lists of a row have one place for each column of their kind.
type RunsTable struct {
	Metrics []string `json:"metrics" doc:"Names of the columns: metrics.loss, min(metrics.loss)"`
	Params  []string `json:"params" doc:"params.depth"`
	Tags    []string `json:"tags" doc:"tags.note"`
	More    int      `json:"more" doc:"Columns of these rows that did not fit"`
	Rows    []RunRow `json:"rows"`
	Total   int64    `json:"total" doc:"Runs that match; -1 = not counted"`
	Next    string   `json:"next" doc:"Token of the following page; empty at the end"`
}

// RunState is a run without what was logged.
type RunState struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	ExperimentID string `json:"experiment_id"`
	User         string `json:"user"`
	Status       string `json:"status" enum:"RUNNING,SCHEDULED,FINISHED,FAILED,KILLED"`
	Stage        string `json:"stage" enum:"active,deleted"`
	StartMs      int64  `json:"start_ms" doc:"Unix milliseconds"`
	EndMs        *int64 `json:"end_ms,omitempty" doc:"Absent while it goes on"`
}

// RunRow is a row of a table.
type RunRow struct {
	RunState
	Experiment string     `json:"experiment" doc:"Name"`
	Metrics    []*float64 `json:"metrics" doc:"null where the run has none, or NaN"`
	NaN        []int      `json:"nan,omitempty" doc:"Places of metrics that are NaN"`
	Params     []*string  `json:"params"`
	Tags       []*string  `json:"tags"`
}

// RunColumn is a column that a table may show.
type RunColumn struct {
	Name string `json:"name" doc:"As a query calls it: metrics.loss"`
	Kind string `json:"kind" enum:"metric,param,tag"`
	Key  string `json:"key"`
	Runs int64  `json:"runs" doc:"How many runs have it"`
}

// RunDetail is a run with everything that was logged.
type RunDetail struct {
	RunState
	Experiment  string            `json:"experiment" doc:"Name"`
	ArtifactURI string            `json:"artifact_uri"`
	Metrics     []RunMetric       `json:"metrics" doc:"Latest values, by key"`
	Params      map[string]string `json:"params"`
	Tags        map[string]string `json:"tags"`
	Datasets    []RunDataset      `json:"datasets"`
	ModelsIn    []string          `json:"models_in" doc:"Ids of logged models that it used"`
	ModelsOut   []string          `json:"models_out" doc:"Ids of logged models that it made"`
}

// RunMetric is the latest point of a metric.
type RunMetric struct {
	Key         string   `json:"key"`
	Value       *float64 `json:"value" doc:"null = NaN"`
	Step        int64    `json:"step"`
	TimestampMs int64    `json:"timestamp_ms"`
}

// RunDataset is a dataset that a run used.
type RunDataset struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Context string `json:"context" doc:"training, validation, …; empty when it was not said"`
}

// Chart is a metric as it is drawn. Its lists have one place for each point.
type Chart struct {
	Run     string        `json:"run"`
	Key     string        `json:"key"`
	Steps   []int64       `json:"steps"`
	Times   []int64       `json:"times" doc:"Unix milliseconds"`
	Values  []*float64    `json:"values" doc:"null = NaN"`
	Exact   bool          `json:"exact" doc:"All points of the range; else its ends, and the lowest and highest of each stretch"`
	Summary SeriesSummary `json:"summary" doc:"Of all points, whatever the range"`
}

// SeriesSummary is what is known of all points of a metric.
type SeriesSummary struct {
	Points int64    `json:"points"`
	NaNs   int64    `json:"nans" doc:"Points that are NaN; the numbers below leave them out"`
	First  *float64 `json:"first" doc:"null = NaN"`
	Last   *float64 `json:"last" doc:"null = NaN"`
	Min    *float64 `json:"min"`
	Max    *float64 `json:"max"`
	Mean   *float64 `json:"mean"`
}

// Comparison is runs side by side.
type Comparison struct {
	Runs []RunState `json:"runs"`
	Rows []Compared `json:"rows"`
}

// Compared is one thing that at least one of the runs has.
type Compared struct {
	Kind    string     `json:"kind" enum:"param,metric,code,dataset"`
	Name    string     `json:"name"`
	Numbers []*float64 `json:"numbers,omitempty" doc:"Of metrics: one for each run; null where it has none, or NaN"`
	Texts   []*string  `json:"texts,omitempty" doc:"Of all others: one for each run"`
	Differs bool       `json:"differs" doc:"Not the same in all runs"`
}

// SavedView is a table of runs that people come back to.
type SavedView struct {
	ID        string   `json:"id"`
	Product   string   `json:"product" doc:"Empty = for all products"`
	Name      string   `json:"name" doc:"Unique in its product"`
	Filter    string   `json:"filter"`
	Order     []string `json:"order"`
	Columns   []string `json:"columns"`
	UpdatedMs int64    `json:"updated_ms"`
}

// ViewBody is what a person says of a view.
type ViewBody struct {
	Product string   `json:"product,omitempty" maxLength:"100" doc:"Empty = for all products"`
	Name    string   `json:"name" minLength:"1" maxLength:"200"`
	Filter  string   `json:"filter,omitempty" maxLength:"10000"`
	Order   []string `json:"order,omitempty" maxItems:"8"`
	Columns []string `json:"columns,omitempty" maxItems:"1000"`
}

// Done is the answer of what has nothing to say.
type Done struct {
	OK bool `json:"ok"`
}

// LivePoints are new points of a metric: the data of an event "points".
type LivePoints struct {
	Run     string     `json:"run"`
	Key     string     `json:"key"`
	Steps   []int64    `json:"steps"`
	Times   []int64    `json:"times" doc:"Unix milliseconds"`
	Values  []*float64 `json:"values" doc:"null = NaN"`
	Count   int64      `json:"count" doc:"Points of the metric now"`
	Partial bool       `json:"partial" doc:"These are not all new points: some came late or there are too many; read the metric again"`
}
