package fault

type row struct {
	name   string
	status int
	exit   int
}

// table is the only place where a kind meets HTTP and the shell.
// Exit code 2 is the shell's habit for wrong usage; 3 means "refused by evidence" so that CI can tell it from a defect.
var table = map[Kind]row{
	Internal:        {"internal", 500, 1},
	Invalid:         {"invalid", 400, 2},
	NotFound:        {"not_found", 404, 4},
	Exists:          {"exists", 409, 5},
	Conflict:        {"conflict", 409, 5},
	Denied:          {"denied", 403, 6},
	Unauthenticated: {"unauthenticated", 401, 6},
	Precondition:    {"precondition", 412, 3},
	Unavailable:     {"unavailable", 503, 7},
	Exhausted:       {"exhausted", 507, 8},
	Canceled:        {"canceled", 499, 130},
	Unsupported:     {"unsupported", 501, 9},
	StepFailed:      {"step_failed", 422, 10},
}

// String gives the stable machine name of the kind, as in JSON errors.
func (k Kind) String() string { return table[k].name }

// Status gives the HTTP status of the kind.
func (k Kind) Status() int { return table[k].status }

// ExitCode gives the process exit code of the kind.
func (k Kind) ExitCode() int { return table[k].exit }
