package api

import "time"

// Member is a person of the team.
type Member struct {
	Name  string `json:"name"`
	Title string `json:"title" doc:"Name for people"`
	Role  string `json:"role"`
}

// Responsibility says who answers for an activity.
type Responsibility struct {
	Activity    string            `json:"activity"`
	Accountable string            `json:"accountable" doc:"Empty when nobody answers"`
	Backup      string            `json:"backup"`
	Letters     map[string]string `json:"letters" doc:"Member to some of A, R, C, I"`
	Preset      bool              `json:"preset" doc:"From the shipped preset, not written in paraplu.yaml"`
}

// Gap is a hole in the responsibility.
type Gap struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject" doc:"Activity or component"`
	Member  string `json:"member,omitempty"`
	Text    string `json:"text"`
	Hint    string `json:"hint"`
}

// Dataset is a declared dataset with its newest version and contract.
type Dataset struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Owner       string    `json:"owner"`
	Source      string    `json:"source"`
	Licence     string    `json:"licence"`
	Simulated   bool      `json:"simulated" doc:"Generated, not observed in the world"`
	Contract    string    `json:"contract" doc:"File; empty when there is none"`
	Version     int       `json:"version" doc:"Number of the newest version; 0 = none yet"`
	Digest      string    `json:"digest"`
	Rows        int64     `json:"rows" doc:"-1 = unknown"`
	Bytes       int64     `json:"bytes"`
	Versions    int       `json:"versions" doc:"How many there are"`
	At          time.Time `json:"at,omitzero" doc:"Of the newest version"`
	Actor       string    `json:"actor"`
	Report      string    `json:"report" doc:"Of the contract check that let it in: pass, warn, fail, error; empty when it was not checked"`
	ReportID    string    `json:"report_id"`
	Checks      int       `json:"checks" doc:"Rules in that report"`
	Refused     []Refused `json:"refused" doc:"Deliveries that the contract refused, newest first"`
}

// Refused is a delivery that was not let in.
type Refused struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
}

// Deployment is an interval in which a package was placed.
type Deployment struct {
	ID          string    `json:"id"`
	Environment string    `json:"environment"`
	Endpoint    string    `json:"endpoint"`
	Model       string    `json:"model"`
	Version     int       `json:"version" doc:"Of the registered model; 0 = none"`
	Package     string    `json:"package" doc:"Digest"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to,omitzero" doc:"Absent while it runs"`
	Cause       string    `json:"cause" doc:"release, retrain, rollback, emergency"`
	Actor       string    `json:"actor"`
	Reason      string    `json:"reason"`
	Release     string    `json:"release" doc:"Id of the release that allowed it"`
	RolledBack  bool      `json:"rolled_back" doc:"It was ended by a rollback"`
}

// Release is a request to place a package, with its evidence and signatures.
type Release struct {
	ID          string     `json:"id"`
	Environment string     `json:"environment"`
	Package     string     `json:"package" doc:"Digest"`
	State       string     `json:"state" doc:"draft, in review, approved, deployed, superseded, rejected, revoked, expired"`
	Live        bool       `json:"live"`
	Author      string     `json:"author"`
	Reason      string     `json:"reason" doc:"Of a rejection or revocation"`
	People      int        `json:"people" doc:"How many must approve"`
	Role        string     `json:"role" doc:"At least one of them has it"`
	Evidence    string     `json:"evidence" doc:"Digest over the gates; an approval is bound to it"`
	Gates       []Gate     `json:"gates"`
	Approvals   []Approval `json:"approvals"`
	At          time.Time  `json:"at"`
	Expires     time.Time  `json:"expires,omitzero"`
	Emergency   string     `json:"emergency" doc:"Why it did not wait for evidence and people; empty when it did"`
}

// Gate is evidence: what was observed and what is required.
type Gate struct {
	Name     string `json:"name"`
	Status   string `json:"status" doc:"pass, warn, fail"`
	Observed string `json:"observed"`
	Required string `json:"required"`
	Detail   string `json:"detail"`
}

// Approval is a member's signature.
type Approval struct {
	Member string    `json:"member"`
	Role   string    `json:"role"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Execution is one walk of the pipeline.
type Execution struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	Actor    string    `json:"actor"`
	Error    string    `json:"error"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	Steps    []Step    `json:"steps"`
}

// Step is what happened to one step, and why.
type Step struct {
	Name   string `json:"name"`
	Result string `json:"result" doc:"ran, cached, failed, skipped, canceled"`
	Why    string `json:"why"`
}

// Fact is one thing that happened.
type Fact struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor" doc:"Member or system"`
	Source  string    `json:"source" doc:"cli, api, ui, job, mlflow, demo"`
	Verb    string    `json:"verb" example:"deployment.placed"`
	Kind    string    `json:"kind"`
	Object  string    `json:"object"`
	Digest  string    `json:"digest"`
	Reason  string    `json:"reason"`
	Inputs  []string  `json:"inputs" doc:"Lineage references"`
	Outputs []string  `json:"outputs" doc:"Lineage references"`
}

// Package is a model package.
type Package struct {
	Digest   string    `json:"digest"`
	Name     string    `json:"name"`
	Version  int       `json:"version" doc:"Of the registered model; 0 = none"`
	Kind     string    `json:"kind"`
	Bytes    int64     `json:"bytes"`
	Parity   int       `json:"parity" doc:"Rows on which engine and original library must agree"`
	Author   string    `json:"author"`
	At       time.Time `json:"at" doc:"When it came into this workspace"`
	Signed   bool      `json:"signed"`
	Datasets []string  `json:"datasets" doc:"Versions that it was trained on, such as sales@v3"`
}
