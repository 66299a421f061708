package quality

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// FailedChecks is the column that a quarantined row has besides those of the delivery: the checks that it failed.
const FailedChecks = "failed_checks"

// setAside turns failures of rules whose bad rows go to quarantine into notices, and counts those rows. A rule with `mostly`
// refuses the delivery all the same when too few rows are good.
func (x *run) setAside(ctx context.Context) (int64, error) {
	var conds []string
	for _, r := range x.rules {
		if !r.aside || r.Bad == 0 || r.Status != Fail && r.Status != OK || r.Status == OK && r.mostly == 0 || r.Status == Fail && r.mostly > 0 {
			continue
		}
		if r.Status == OK { // within what is allowed, and still not good
			r.fail("%s of %s %s %s", count(r.Bad), plural(r.Total, strings.TrimSuffix(first(r.noun, "values"), "s")), r.does(), r.what)
			if err := x.attempt(ctx, r, func() error { return x.details(ctx, r) }); err != nil {
				return 0, err
			}
		}
		r.Severity, r.Quarantine = Warning, true
		r.Message += "; set aside"
		conds = append(conds, "("+r.both(r.bad)+")")
	}
	if len(conds) == 0 {
		return 0, nil
	}
	res, err := x.query(ctx, "SELECT count_if("+strings.Join(conds, " OR ")+") FROM "+dataView)
	if err != nil {
		return 0, err
	}
	return toInt(res.Rows[0][0]), nil
}

// Split is a delivery in two parts; the rows of both are those of the delivery.
type Split struct{ Good, Bad int64 }

// Split writes the good rows of a checked delivery as they stand in the file, and the rows that are set aside with the checks that
// they failed.
func (r *Room) Split(ctx context.Context, in CheckInput, report *Report, good, bad io.Writer) (*Split, error) {
	o, err := in.check()
	if err != nil {
		return nil, err
	}
	src, err := r.open(ctx, in.Path, "", in.Contract, o.Properties)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if src.digest != report.DataDigest {
		return nil, fault.New(fault.Conflict, "%s changed after it was checked", in.Path).WithHint("wait until the file is complete, then run the same command again")
	}
	if src.format == "parquet" {
		return nil, fault.New(fault.Unsupported, "rows of Parquet files cannot be set aside").WithHint("use on_fail: fail, or deliver CSV or JSON lines")
	}
	failed, err := src.failures(ctx, compile(o, src, report.Owner, first(in.Env, trainEnv)), report)
	if err != nil {
		return nil, err
	}
	s := &splitter{failed: failed, good: good, bad: bad, delimiter: ','}
	if src.format == "csv" {
		s.delimiter = src.layout.Delimiter
		_, delimiter, _ := formatOf(in.Path, in.Contract)
		s.header = true
		_, err = scanFile(ctx, in.Path, delimiter, s.csv)
	} else {
		err = eachLine(ctx, in.Path, s)
	}
	if err != nil {
		return nil, fault.Wrap(err, "setting rows of %s aside", in.Path)
	}
	if s.Good+s.Bad != src.rows || s.Bad != report.Quarantined {
		return nil, fault.New(fault.Internal, "%d good and %d quarantined rows are not the %d rows of %s", s.Good, s.Bad, src.rows, in.Path)
	}
	return &s.Split, nil
}

// failures gives for each row that is set aside the checks that it fails.
func (s *source) failures(ctx context.Context, c *compiler, report *Report) (map[int64]string, error) {
	aside := map[string]bool{}
	for _, k := range report.Checks {
		aside[k.ID] = k.Quarantine
	}
	var names, conds []string
	for _, r := range c.rules {
		if aside[r.ID] {
			cond := "(" + r.both(r.bad) + ")"
			conds = append(conds, cond)
			names = append(names, "CASE WHEN "+cond+" THEN "+literal(r.ID)+" END")
		}
	}
	res, err := s.session.Query(ctx, "SELECT "+rowName+", concat_ws(' ', "+strings.Join(names, ", ")+") FROM "+dataView+" WHERE "+strings.Join(conds, " OR "))
	if err != nil {
		return nil, err
	}
	out := make(map[int64]string, len(res.Rows))
	for _, row := range res.Rows {
		out[toInt(row[0])] = fmt.Sprint(row[1])
	}
	return out, nil
}

// splitter sends each record to one of two files.
type splitter struct {
	Split
	failed    map[int64]string
	good, bad io.Writer
	header    bool // the next record is the header
	delimiter byte
}

func (s *splitter) csv(record []byte) error {
	text := bytes.TrimRight(record, "\r\n")
	if s.header {
		s.header = false
		if _, err := s.good.Write(append(bytes.Clone(text), '\n')); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.bad, "%s%c%s\n", text, s.delimiter, FailedChecks)
		return err
	}
	if why, aside := s.failed[s.Good+s.Bad+1]; aside {
		s.Bad++
		_, err := fmt.Fprintf(s.bad, "%s%c%s\n", text, s.delimiter, why)
		return err
	}
	s.Good++
	_, err := s.good.Write(append(bytes.Clone(text), '\n'))
	return err
}

func (s *splitter) Write(line []byte) (int, error) {
	if why, aside := s.failed[s.Good+s.Bad+1]; aside {
		s.Bad++
		name, _ := json.Marshal(FailedChecks) //nolint:errcheck // a text
		value, _ := json.Marshal(why)         //nolint:errcheck // a text
		object := bytes.TrimSuffix(bytes.TrimSpace(line), []byte("}"))
		if _, err := fmt.Fprintf(s.bad, "%s,%s:%s}\n", object, name, value); err != nil {
			return 0, err
		}
		return len(line), nil
	}
	s.Good++
	return s.good.Write(line)
}

// eachLine gives every object of a file of JSON lines to keep, one Write a line.
func eachLine(ctx context.Context, path string, keep io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = scanLines(ctx, f, keep)
	return err
}
