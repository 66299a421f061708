package api

// Problem is every error of the native API: application/problem+json (RFC 9457) with what a person needs to act.
type Problem struct {
	Title  string  `json:"title" doc:"Short name of the status" example:"Not Found"`
	Status int     `json:"status" doc:"HTTP status" example:"404"`
	Kind   string  `json:"kind" doc:"Machine name of what went wrong" example:"not_found"`
	Detail string  `json:"detail" doc:"What happened, for people"`
	Hint   string  `json:"hint,omitempty" doc:"What to do next, often a command"`
	Place  *Place  `json:"place,omitempty" doc:"Where the input is wrong"`
	Errors []Wrong `json:"errors,omitempty" doc:"Every single thing that is wrong with the request or file"`
}

// Place is a position in a file of the user.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty" doc:"From 1; 0 = unknown"`
	Column int    `json:"column,omitempty" doc:"From 1; 0 = unknown"`
}

// Wrong is one of several mistakes.
type Wrong struct {
	Where   string `json:"where,omitempty" doc:"Path of the value, such as body.rows[3].value, or file:line:column"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
