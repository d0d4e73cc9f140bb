// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parallax-ssl/parallax/run/report"
	"github.com/parallax-ssl/parallax/train"
)

// The time that a report has.
const (
	unhurried = 10 * time.Second
	hurried   = 1500 * time.Millisecond // after a signal
	leftOver  = 200 * time.Millisecond  // of a deadline, for what comes after the report
	leastFor  = 300 * time.Millisecond  // a report with less time is not begun
)

// report writes the report of a run that has ended with an error, if any, and returns its path; "" without a report. A
// run does not fail for its report.
func (s *Session) report(ctx context.Context, o *Options, ended error) string {
	interrupted := ctx.Err() != nil
	if !o.Report || ended != nil && !interrupted && !errors.Is(ended, train.ErrCollapsed) &&
		!errors.Is(ended, train.ErrNonFinite) || s.Step() == 0 {
		return ""
	}
	limit := unhurried
	if interrupted {
		limit = hurried
	}
	if d := s.Job.deadline; d != nil {
		limit = min(limit, d.limit.Sub(d.now())-leftOver)
	}
	if limit < leastFor {
		o.note(fmt.Sprintf("no time is left for the report: parallax report --run %s writes it", s.Dir))
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	e := s.Job.entry
	file, err := report.WriteFile(ctx, s.Dir.Path(), "", report.Options{Version: o.Version, Source: s.Job.Source,
		Method: report.Method{Title: e.Title, Paper: e.Paper, Equation: e.Equation, Collapse: e.Collapse}})
	if err != nil {
		o.note(fmt.Sprintf("the report was not written: %v", err))
		return ""
	}
	return file
}
