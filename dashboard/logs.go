// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"os"
	"sync"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
	"github.com/parallax-ssl/parallax/run/summary"
)

// mostLogs is how many runs' curves are kept.
const mostLogs = 24

// logs keeps the curves of the runs that were asked for last.
type logs struct {
	mu   sync.Mutex
	all  map[string]*runLog
	used []string // ids, the last one used at the end
}

func newLogs() *logs { return &logs{all: map[string]*runLog{}} }

// A runLog has the curves of a run and what the guard says of it.
type runLog struct {
	*series.Log
	judge     *summary.Judge
	advancing atomic.Bool // somebody reads what the run has written, until it is all
}

// of returns the log of a run.
func (l *logs) of(f *folder) *runLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, id := range l.used {
		if id == f.id {
			l.used = append(append(l.used[:i:i], l.used[i+1:]...), id)
			return l.all[id]
		}
	}
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
	made := &runLog{Log: series.New(func() (*os.File, error) { return f.open(run.MetricsFile) }, images, j), judge: j}
	if l.used = append(l.used, f.id); len(l.used) > mostLogs {
		delete(l.all, l.used[0])
		l.used = l.used[1:]
	}
	l.all[f.id] = made
	return made
}
