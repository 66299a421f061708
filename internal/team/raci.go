package team

import (
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/spec"
)

// Activities of the preset that other parts of Paraplu ask for by name.
const (
	UseCase      = "use case, value, kill criterion"
	DevelopModel = "develop model with business"
	DataQuality  = "data quality, features"
	MakePackage  = "production-ready package"
	Monitoring   = "CD, orchestration, monitoring"
	GoLive       = "decide go-live"
	WatchModel   = "watch model issues"
	FirstAid     = "first response to an incident"
	RollBack     = "roll back"
	Retire       = "retire"
)

// preset says for each activity what data scientist, ML engineer and business do: A answers, R does, C is asked, I is told.
// A preset to edit, not a law.
var preset = map[string][3]string{
	UseCase:                             {"R", "C", "A"},
	DevelopModel:                        {"AR", "R", "C"},
	DataQuality:                         {"AR", "R", "I"},
	MakePackage:                         {"AR", "C", ""},
	"project set-up, CI":                {"C", "AR", ""},
	Monitoring:                          {"C", "AR", ""},
	GoLive:                              {"R", "R", "A"},
	WatchModel:                          {"AR", "C", "I"},
	"watch pipeline and service issues": {"C", "AR", "I"},
	"watch value":                       {"R", "I", "A"},
	FirstAid:                            {"R", "AR", "I"},
	"retrain":                           {"AR", "C", "I"},
	RollBack:                            {"R", "AR", "I"},
	Retire:                              {"C", "R", "A"},
}

var presetRoles = [3]string{"data scientist", "ml engineer", "business"}

// Responsibility says who does what in one activity.
type Responsibility struct {
	Activity    string            `json:"activity"`
	Accountable string            `json:"accountable"` // the one member with the A, "" when nobody has it
	Backup      string            `json:"backup"`      // another member, "" when there is none
	Letters     map[string]string `json:"letters"`     // member → some of A, R, C, I
	Preset      bool              `json:"preset"`      // not written in paraplu.yaml
}

// Resolve works out all responsibilities of a product: the preset, then the overrides of the file.
func Resolve(p *spec.Product) []Responsibility {
	var out []Responsibility
	for _, activity := range spec.Activities {
		out = append(out, fromPreset(p, activity))
	}
	for _, o := range p.Team.Responsibilities {
		i := slices.IndexFunc(out, func(r Responsibility) bool { return r.Activity == o.Activity })
		if i < 0 {
			i = len(out)
			out = append(out, Responsibility{Activity: o.Activity, Letters: map[string]string{}})
		}
		out[i].override(p, o)
	}
	return out
}

func fromPreset(p *spec.Product, activity string) Responsibility {
	r := Responsibility{Activity: activity, Letters: map[string]string{}, Preset: true}
	for role, letters := range preset[activity] {
		for _, m := range p.Team.Members {
			if m.Role != presetRoles[role] || letters == "" {
				continue
			}
			mine := letters
			if strings.Contains(letters, "A") {
				if r.Accountable == "" {
					r.Accountable = m.Name
				} else {
					mine = "R" // one role, two people: one answers
				}
			}
			r.Letters[m.Name] = mine
		}
	}
	r.Backup = r.second(p)
	return r
}

// second proposes a backup: another member who does the work, else one who is asked, else one who is told.
func (r Responsibility) second(p *spec.Product) string {
	for _, letter := range []string{"R", "C", "I"} {
		for _, m := range p.Team.Members {
			if m.Name != r.Accountable && strings.Contains(r.Letters[m.Name], letter) {
				return m.Name
			}
		}
	}
	return ""
}

func (r *Responsibility) override(p *spec.Product, o spec.Responsibility) {
	r.Preset = false
	if o.Accountable != r.Accountable {
		if _, ok := r.Letters[r.Accountable]; ok {
			r.Letters[r.Accountable] = "R"
		}
		mine := "A"
		if strings.Contains(r.Letters[o.Accountable], "R") {
			mine = "AR"
		}
		r.Letters[o.Accountable] = mine
		r.Accountable = o.Accountable
	}
	r.Backup = o.Backup
	if o.Backup == "" {
		r.Backup = r.second(p)
	}
	if r.Backup != "" && r.Backup != r.Accountable && !strings.Contains(r.Letters[r.Backup], "R") {
		r.Letters[r.Backup] = "R" // who stands in must be able to act
	}
}
