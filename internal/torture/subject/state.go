// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/run"
)

// State is what an interruption left of a run.
type State struct {
	Newest     int // step of the newest checkpoint that can be read; 0 if there is none
	Unreadable int // checkpoints newer than that one, or named as the best, that cannot be read
	Step       int // the last step in metrics.jsonl
	Saved      int // the last step of which metrics.jsonl says that it is saved
}

// Interrupted reads the state of a run directory.
func Interrupted(dir, method string) State {
	var s State
	all, _ := checkpoint.List(dir)
	readable := map[string]bool{}
	for _, name := range all {
		c, err := checkpoint.Read(checkpoint.Path(dir, name), method)
		if err != nil {
			s.Unreadable++
			continue
		}
		// Those before are older: a kill may have met one while it was being removed.
		readable[name], s.Newest, s.Unreadable = true, c.Step, 0
	}
	if best, err := checkpoint.ReadBest(dir); err == nil && best.Checkpoint != "" && !readable[best.Checkpoint] {
		s.Unreadable++
	}
	text, _ := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	for _, line := range strings.Split(string(text), "\n") {
		var e struct {
			Event string
			Step  int
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		switch e.Event {
		case run.StepEnd:
			s.Step = max(s.Step, e.Step)
		case run.Saved:
			s.Saved = max(s.Saved, e.Step)
		}
	}
	return s
}
