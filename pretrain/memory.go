// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
)

// imageShare is the part of train.memory that images share while they are decoded and made into views.
const imageShare = 1. / 4

// budget returns what images share, nil for what the machine allows.
func budget(c *config.Config) *dataset.Budget {
	if m := c.Train.MemoryBytes(); m > 0 {
		return dataset.NewBudget(int64(imageShare * float64(m)))
	}
	return nil
}

// A memoryPlan says what the parts of a run take, in bytes, before the first step. What the engine takes for the
// activations of a step is not known before it: a run that takes more than its memory says so after its first step.
type memoryPlan struct {
	limit    float64 // what the run may take
	given    string  // train.memory, "" if the limit is the machine's
	parts    []part
	queued   float64 // a training and a probe batch, of which up to two more wait
	perBatch string
}

// part is what a part of a run takes.
type part struct {
	what  string
	bytes float64
}

// inFlight is how many copies of a batch there are at least: the engine's, the loader's with which it trains, and the
// one that is made meanwhile.
const inFlight = 3

// planMemory divides the memory of a run whose networks are built, or returns why the run cannot begin.
func (s *Session) planMemory(note func(string)) error {
	p, err := newMemoryPlan(s)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return err
	}
	p.bound(s.Loader, s.Probe.Sets)
	s.Watch = append(s.Watch, p.watch(note))
	s.memory = p
	return nil
}

// newMemoryPlan adds up what the parts of a run take whose networks are built.
func newMemoryPlan(s *Session) (*memoryPlan, error) {
	c := s.Job.Config
	p := &memoryPlan{given: c.Train.Memory, limit: float64(c.Train.MemoryBytes())}
	images := imageShare * p.limit
	if p.given == "" {
		total, _ := machine.Memory()
		p.limit = float64(total)
	} else {
		debug.FreeOSMemory() // what the statistics of the images left
	}
	weights, err := s.Weights()
	if err != nil {
		return nil, err
	}
	copied, err := s.Copied()
	if err != nil {
		return nil, err
	}
	held, _ := machine.Resident()
	batch, channels := 0., float64(len(c.Data.Std))
	for v, r := range c.Augment {
		w, h := viewSize(r, v)
		batch += 4 * channels * float64(w) * float64(h) * float64(c.Train.Batch)
	}
	look := 4 * channels * float64(c.Data.Size) * float64(c.Data.Size) * float64(min(probe.Batch, s.Job.Source.Len()))
	rows, largest := s.Probe.Rows()
	features := 4 * float64(s.Job.Backbone.Features()) * (2*float64(rows) + float64(largest))
	p.queued = batch + look
	p.perBatch = fmt.Sprintf("a batch of %d x %d views of %d px takes %s in each of %d batches in flight",
		c.Train.Batch, len(c.Augment), c.Data.Size, bytesOf(batch), inFlight)
	p.parts = []part{
		{"the engine and the networks", float64(held)},
		{"gradients and the optimiser's state", 3 * 4 * float64(weights)},
		{"batches", inFlight * batch},
		{"the probes' batches", inFlight * look},
		{"the probes' features", features},
		{"images being decoded", images},
		{"the copy of the untrained networks", float64(copied)},
	}
	if c.Optim.Average > 0 {
		p.parts = append(p.parts, part{"the average of the weights", 4 * float64(weights)})
	}
	return p, nil
}

// viewSize returns the size of view v.
func viewSize(r augment.Recipe, v int) (w, h int) {
	w, h = 256, 256
	for _, d := range r.Draw(w, h, augment.ViewRand(1, 0, 0, v)) {
		w, h = d.Size(w, h)
	}
	return w, h
}

// check returns why a run cannot begin.
func (p *memoryPlan) check() error {
	need := p.need()
	if need <= p.limit {
		return nil
	}
	var list []string
	for _, part := range p.parts {
		if part.bytes >= need/100 {
			list = append(list, part.what+" "+bytesOf(part.bytes))
		}
	}
	limit, remedy := "this machine allows "+bytesOf(p.limit), "take"
	if p.given != "" {
		// Images have a share of whatever is given.
		least := (need - imageShare*p.limit) / (1 - imageShare)
		limit = "--memory " + p.given
		remedy = fmt.Sprintf("give --memory %dMiB or more, or", int(math.Ceil(least/(1<<20))))
	}
	return run.Invalid(fmt.Errorf("%s: %s, and all parts together %s (%s): %s a smaller --batch or --size", limit,
		p.perBatch, bytesOf(need), strings.Join(list, ", "), remedy))
}

func (p *memoryPlan) need() (sum float64) {
	for _, part := range p.parts {
		sum += part.bytes
	}
	return sum
}

// keptDecoded is how many bytes of decoded images a run keeps at most for its next epochs.
const keptDecoded = 512 << 20

// bound gives what is left to batches that wait, to pixels that are kept between evaluations, and to decoded images.
// None of them changes a pixel.
func (p *memoryPlan) bound(loader *dataset.Loader, sets *probe.Sets) {
	left := p.limit - p.need()
	waiting := min(2, int(left/2/max(1, p.queued)))
	if waiting < 2 {
		loader.Ahead, sets.Ahead = waiting, waiting
		if waiting == 0 {
			loader.Ahead, sets.Ahead = -1, -1
		}
	}
	loader.KeepDecoded = int(min(keptDecoded, max(0, left)/8))
	if p.given != "" {
		const loaders = 8 // of two probes and the guard
		sets.Keep = int(min(probe.Kept, left/4/loaders))
	}
	sets.Bound()
}

// collectAt is when the garbage collector starts, in percent of what was live (GOGC). A run makes little garbage, and
// the memory is the engine's to use.
const collectAt = 50

// limitHeap lets the garbage collector keep Go's heap small, and within what the engine leaves of a given memory, until
// the function that it returns is called. A GOGC and a GOMEMLIMIT of the user's stand.
func (p *memoryPlan) limitHeap() (undo func()) {
	var undos []func()
	if os.Getenv("GOGC") == "" {
		old := debug.SetGCPercent(collectAt)
		undos = append(undos, func() { debug.SetGCPercent(old) })
	}
	if p.given != "" && os.Getenv("GOMEMLIMIT") == "" {
		engine := p.parts[0].bytes + p.parts[1].bytes + p.parts[2].bytes/inFlight
		old := debug.SetMemoryLimit(int64(max(64<<20, p.limit-engine)))
		undos = append(undos, func() { debug.SetMemoryLimit(old) })
	}
	return func() {
		for _, undo := range undos {
			undo()
		}
	}
}

// watch notes once, after the first steps, that the run takes more than the memory that was given.
func (p *memoryPlan) watch(note func(string)) func(run.Event) {
	said := p.given == ""
	return func(e run.Event) {
		_, most := machine.Resident()
		if said || e.Step < 1 || float64(most) <= p.limit {
			return
		}
		said = true
		note(fmt.Sprintf("the run takes %s, more than --memory %s: the network's activations are not known before the "+
			"first step; a smaller --batch takes less", bytesOf(float64(most)), p.given))
	}
}

func bytesOf(n float64) string { return humanize.IBytes(uint64(min(n, math.MaxInt64))) }
