// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// History is what a resumed run keeps of the events before it.
type History struct {
	Last    Event   // the last event; zero if there is none
	Saved   []Event // the lines "saved"
	Damaged []error // lines that are no events, by number; they stay

	keep int64 // length in bytes
}

// ResumeLog cuts metrics.jsonl for a run that resumes from step, and returns what is left. A killed run may have
// written events after its last checkpoint: events past step go, because the run will write them again. So do, with
// again, the evaluations of step that followed its checkpoint. A damaged line stays, with what precedes and follows it,
// but not zeros that a loss of power left at the end.
func (d *Dir) ResumeLog(step int, again bool) (h History, err error) {
	path := d.Path(MetricsFile)
	if h, err = readHistory(path, step, again); err != nil {
		return h, err
	}
	f, err := openAppend(path, h.keep)
	if err != nil {
		return h, err
	}
	return h, f.Close()
}

func readHistory(path string, step int, again bool) (h History, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, Output("reading "+path, err)
	}
	defer f.Close()
	var later []error // lines of later steps, and damaged ones among them
	for l := range lines(f) {
		if l.err != nil && !errors.Is(l.err, errLong) {
			return h, Output("reading "+path, l.err)
		}
		e, err := l.event()
		switch {
		case err != nil && len(later) == 0 && !l.unwritten():
			h.keep, h.Damaged = l.end, append(h.Damaged, err)
			continue
		case err != nil:
			later = append(later, err)
			continue
		case e.Step > step:
			// If lines of earlier steps follow, this line's step is what is damaged.
			later = append(later, fmt.Errorf("line %d: it is of step %d, and lines of earlier steps follow",
				l.number, e.Step))
			continue
		case again && e.Step == step && e.ofHook() && h.saved(step):
			return h, nil
		}
		h.keep, h.Last = l.end, e
		if h.Damaged, later = append(h.Damaged, later...), nil; e.Event == Saved {
			h.Saved = append(h.Saved, e)
		}
	}
	return h, nil
}

// saved reports whether there is a line "saved" of step.
func (h *History) saved(step int) bool {
	return slices.ContainsFunc(h.Saved, func(e Event) bool { return e.Step == step })
}

// ofHook reports whether a hook emits such events after a step.
func (e *Event) ofHook() bool { return e.Event == Eval || e.Event == Alarm || e.Event == Judged }
