package api

import (
	"time"

	"github.com/paraplu/paraplu/internal/monitor"
)

// Info says what this server is.
type Info struct {
	Version  string   `json:"version" doc:"Of the binary"`
	Database string   `json:"database" doc:"Kind of the metadata database" example:"sqlite"`
	Products []string `json:"products" doc:"Names of the products that are stored here"`
	Here     string   `json:"here" doc:"Product of the workspace, empty when it has no paraplu.yaml"`
}

// ProductLine is a product in the list.
type ProductLine struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Risk        string `json:"risk" doc:"Tier: low, medium, high"`
	Stage       string `json:"stage" doc:"First stage of the lifecycle that is not passed; empty when all are"`
	Owner       string `json:"owner" doc:"Member who answers for that stage"`
	Here        bool   `json:"here" doc:"It is the product of this workspace, so its page can be opened"`
}

// ProductPage is everything that the page of a product shows, in one answer.
type ProductPage struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Risk        string `json:"risk" doc:"Tier: low, medium, high"`
	Environment string `json:"environment" doc:"That the releases guard"`
	Seq         int64  `json:"seq" doc:"Number of the newest fact in this answer; pass it as after to learn of newer ones"`

	Stage  string  `json:"stage" doc:"First stage that is not passed; empty when all are"`
	Stages []Stage `json:"stages" doc:"The lifecycle with its evidence, in order"`
	Next   *Next   `json:"next,omitempty" doc:"The one next step"`
	Canvas Canvas  `json:"canvas"`

	Value     *Value             `json:"value,omitempty" doc:"Money, when the canvas names a value and windows exist"`
	Watch     Watch              `json:"watch"`
	Windows   []monitor.Window   `json:"windows" doc:"All windows in order of time"`
	Incidents []monitor.Incident `json:"incidents" doc:"All incidents, the newest first"`
	Drift     []monitor.Drift    `json:"drift" doc:"Inputs against the training data; a diagnosis that never pages"`

	Champion    *Deployment  `json:"champion,omitempty" doc:"What answers now"`
	Deployments []Deployment `json:"deployments" doc:"All placements in the environment, newest first"`
	Packages    []Package    `json:"packages" doc:"Newest first"`
	Releases    []Release    `json:"releases" doc:"Newest first"`
	Executions  []Execution  `json:"executions" doc:"The latest walks of the pipeline, newest first"`

	Datasets         []Dataset        `json:"datasets" doc:"In the order of paraplu.yaml"`
	Members          []Member         `json:"members"`
	Responsibilities []Responsibility `json:"responsibilities"`
	Gaps             []Gap            `json:"gaps" doc:"Holes in the responsibility"`
	Facts            []Fact           `json:"facts" doc:"The latest facts, newest first; what people decided or must know reaches further back than the work of machines"`
}

// Stage is a stage of the lifecycle with its exit evidence.
type Stage struct {
	Name        string  `json:"name"`
	Status      string  `json:"status" doc:"passed, due (a part is there, or has grown old), missing"`
	Accountable string  `json:"accountable" doc:"Member who answers for it"`
	Backup      string  `json:"backup"`
	Checks      []Check `json:"checks"`
}

// Check is one piece of evidence.
type Check struct {
	Text    string `json:"text" doc:"What must be there"`
	Status  string `json:"status" doc:"passed, due, missing"`
	Detail  string `json:"detail" doc:"What is there, or what is wrong with it"`
	Who     string `json:"who" doc:"Member who answers for it"`
	Command string `json:"command" doc:"That helps; empty when passed"`
}

// Next is the one next step.
type Next struct {
	Stage   string `json:"stage"`
	Text    string `json:"text" doc:"What is missing"`
	Why     string `json:"why"`
	Who     string `json:"who" doc:"Member who answers for it"`
	Command string `json:"command"`
}

// Canvas is the use case in the words of the team.
type Canvas struct {
	Problem   string   `json:"problem"`
	Decision  string   `json:"decision"`
	DecidedBy string   `json:"decided_by" doc:"Member"`
	Decided   string   `json:"decided" doc:"When and how often"`
	Outcome   string   `json:"outcome"`
	Baseline  string   `json:"baseline" doc:"The naive rule in use today"`
	Fallback  string   `json:"fallback" doc:"What is done without a prediction"`
	Never     []string `json:"never"`
	Kill      string   `json:"kill" doc:"Criterion under which the product is stopped"`
	KillDate  string   `json:"kill_date" doc:"YYYY-MM-DD"`
}

// Value is what the product earns against the naive rule.
type Value struct {
	Unit       string          `json:"unit" example:"EUR"`
	From       time.Time       `json:"from" doc:"First day with an answer and truth"`
	To         time.Time       `json:"to" doc:"Day after the last answer"`
	Days       float64         `json:"days"`
	Total      monitor.Line    `json:"total" doc:"Saving to date with its interval"`
	Packages   []monitor.Line  `json:"packages" doc:"The same by package"`
	Months     []monitor.Line  `json:"months" doc:"The same by month"`
	YearlyRate *monitor.Number `json:"yearly_rate,omitempty" doc:"Saving to date, as if it went on so for a year"`
	Target     float64         `json:"target,omitempty" doc:"Money to gain in a year, from the canvas"`
	Expression string          `json:"expression" doc:"SQL: cost of one row"`
	Interval   string          `json:"interval" doc:"How the interval was computed"`
}

// Watch says what is watched and who is called.
type Watch struct {
	Window      string `json:"window" doc:"Length of a window" example:"7d"`
	Metric      string `json:"metric" doc:"Of the performance rule, empty when performance is not watched"`
	Performance *Rule  `json:"performance,omitempty"`
	Value       *Rule  `json:"value,omitempty"`
}

// Rule is a rule of the monitors.
type Rule struct {
	K        int    `json:"k" doc:"So many windows must be beyond the limit"`
	Of       int    `json:"of" doc:"Among so many last windows"`
	Owner    string `json:"owner" doc:"Member who is called; empty when nobody answers for it"`
	Backup   string `json:"backup,omitempty"`
	Activity string `json:"activity"`
	Runbook  string `json:"runbook,omitempty"`
	Severity string `json:"severity"`
}
