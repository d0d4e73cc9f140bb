// SPDX-License-Identifier: Apache-2.0

package advice

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/pretrain"
)

const (
	long    = 2 * 3600 // seconds from which a run on a CPU is long
	waiting = 1.2      // the ratio of the times of loading and training from which training waits
)

// OnRehearsal returns the advice that follows from what a few steps of a run took. memory is what the machine allows,
// in bytes.
func OnRehearsal(j *pretrain.Job, m *pretrain.Rehearsal, memory uint64) (all []string) {
	c := j.Config
	if m.Memory > float64(memory) {
		all = append(all, fmt.Sprintf("the run needs about %s, and this machine allows %s: give a smaller --batch "+
			"or --size",
			humanize.IBytes(uint64(m.Memory)), humanize.IBytes(memory)))
	}
	if m.LoadTime > waiting*m.StepTime {
		all = append(all, fmt.Sprintf("training waits for images: %d workers make %.0f of them in a second: give more "+
			"--workers if there are cores for them, or make the files of large images smaller", c.Train.Workers,
			m.LoadRate))
	}
	if m.Seconds() > long && c.Train.Device == "cpu" && j.Chosen != "" {
		all = append(all, "the run is long: --preset tiny-cpu takes a smaller network and 5 epochs, --epochs fewer")
	}
	return all
}
