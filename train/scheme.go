// SPDX-License-Identifier: Apache-2.0

package train

import (
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/torch"
)

// threads is how many threads share one operation of a training step.
func (t *Trainer) threads() int {
	if t.Config.Train.Scheme == config.Views {
		return 1
	}
	return t.Config.Train.Threads
}

// fused reports whether the networks and the optimiser use fused kernels. On other devices libtorch's are used.
func (t *Trainer) fused() bool {
	return t.Config.Train.Scheme != config.Reference && t.Config.Train.Device == "cpu"
}

// newTape returns the tape that gives every view a thread or cuts the batch into chunks; nil if the config asks for
// neither.
func (t *Trainer) newTape() *torch.Tape {
	c := &t.Config.Train
	if c.Scheme != config.Views && c.CacheChunk == 0 {
		return nil
	}
	tape := &torch.Tape{Threads: 1, Rows: c.CacheChunk}
	if n := t.group().Processes(); tape.Rows > 0 && n > 1 {
		tape.Rows = max(1, tape.Rows/n) // chunks of the whole batch
	}
	if c.Scheme == config.Views {
		tape.Threads = c.Threads
	}
	tape.Mode = func() func(f func()) {
		was, shared := t.params.Training(), t.params.Shared()
		return func(f func()) {
			defer t.params.Train(t.params.Training())
			defer t.params.Share(t.params.Shared())
			t.params.Train(was)
			t.params.Share(shared)
			f()
		}
	}
	for _, p := range t.params.Trainable() {
		tape.Of = append(tape.Of, p.Tensor)
	}
	return tape
}

// together runs f with all threads for every operation: an evaluation has no views to share out.
func (t *Trainer) together(f func()) {
	if t.threads() != t.Config.Train.Threads {
		torch.SetThreads(t.Config.Train.Threads)
		defer torch.SetThreads(t.threads())
	}
	f()
}
