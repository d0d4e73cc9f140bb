// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"os"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
	"github.com/parallax-ssl/parallax/run/summary"
)

// mostLogs is how many runs' curves are kept.
const mostLogs = 24

// logs keeps the curves of the runs that were asked for last.
type logs struct{ *recent[*runLog] }

func newLogs() *logs { return &logs{newRecent[*runLog](mostLogs)} }

// A runLog has the curves of a run and what the guard says of it.
type runLog struct {
	*series.Log
	judge     *summary.Judge
	advancing atomic.Bool // somebody reads what the run has written, until it is all
}

// of returns the log of a run.
func (l *logs) of(f *folder) *runLog {
	log, _ := l.recent.of(f.id, func() (*runLog, error) {
		j := &summary.Judge{}
		images := func() int {
			text, err := f.text(run.ConfigFile)
			if err != nil {
				return 0
			}
			values, err := config.Values(text, run.ConfigFile)
			if err != nil {
				return 0
			}
			return config.StepImages(values)
		}
		open := func() (*os.File, error) { return f.open(run.MetricsFile) }
		return &runLog{Log: series.New(open, images, j), judge: j}, nil
	})
	return log
}
