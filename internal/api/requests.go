package api

import (
	"time"

	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/monitor"
)

// Truths are outcomes that became known.
type Truths struct {
	Rows []Truth `json:"rows" minItems:"1" maxItems:"100000" nullable:"false" doc:"Outcomes; the same row twice counts once, another value for the same event is a correction"`
}

// Truth is what really happened at one event. It names the event by day or event_time.
type Truth struct {
	Day       string     `json:"day,omitempty" format:"date" doc:"YYYY-MM-DD"`
	EventTime *time.Time `json:"event_time,omitempty" doc:"Instead of day"`
	Entity    string     `json:"entity,omitempty" maxLength:"200" doc:"What it is about besides the day, as in the prediction"`
	Value     float64    `json:"value"`
	KnownAt   *time.Time `json:"known_at,omitempty" doc:"When the source knew it; default now"`
	Baseline  *float64   `json:"baseline,omitempty" doc:"What the naive rule would have answered; default the truth of the same weekday a week before"`
}

// TruthAnswer says what became of them.
type TruthAnswer struct {
	Accepted   int              `json:"accepted" doc:"New outcomes and corrections"`
	Duplicates int              `json:"duplicates" doc:"Rows that said nothing new"`
	Received   monitor.Received `json:"received" doc:"All truth of the product so far; truth without a prediction is counted per window as orphans"`
}

// Acknowledge takes an incident.
type Acknowledge struct {
	Member string `json:"member" minLength:"1" doc:"Who takes it"`
}

// Resolve closes an incident by a person's judgement.
type Resolve struct {
	Member  string `json:"member" minLength:"1"`
	Verdict string `json:"verdict" enum:"true,false,expected" doc:"Was the alarm true, false, or was the change meant?"`
	Reason  string `json:"reason" minLength:"1" maxLength:"2000"`
}

// Rollback brings back the package that answered before.
type Rollback struct {
	Member string `json:"member" minLength:"1" doc:"Who does it"`
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Goes into the record"`
}

// PackageDetail is a package with all that is known of it.
type PackageDetail struct {
	Package
	Manifest  *modelpack.Manifest `json:"manifest"`
	Files     []modelpack.File    `json:"files"`
	SignedBy  []string            `json:"signed_by" doc:"Hints of the keys that signed"`
	CreatedAt time.Time           `json:"created_at" doc:"As the package says"`
}
