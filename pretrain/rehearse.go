// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Rehearsal is what a few steps of a run took on this machine, and what follows for the whole run.
type Rehearsal struct {
	Steps      int       `json:"steps"`             // of the run
	Batch      int       `json:"batch"`             // images in a measured batch: the run's, or fewer
	StepTime   float64   `json:"step_s"`            // seconds of a step, the mean over its stages; scaled as batch
	LoadRate   float64   `json:"load_rate"`         // images/s of the loader alone
	LoadTime   float64   `json:"load_s"`            // seconds in which the loader makes the images of a step
	StageTimes []float64 `json:"stage_s,omitempty"` // likewise in each stage; none if there is one
	Evals      int       `json:"evaluations"`       // of the run
	EvalImages int       `json:"eval_images"`       // that an evaluation embeds
	EvalTime   float64   `json:"eval_s"`            // seconds of an evaluation's embeddings, estimated by the step
	Memory     float64   `json:"memory"`            // most bytes that the process held; 0: not known
}

// Scaled reports whether the measured batch was smaller than the run's.
func (r *Rehearsal) Scaled(batch int) bool { return r.Batch < batch }

// Seconds is the expected time of the run. Images are loaded while the networks train, so the slower of both counts.
func (r *Rehearsal) Seconds() float64 {
	return float64(r.Steps)*max(r.StepTime, r.LoadTime) + float64(r.Evals)*r.EvalTime
}

// ErrUnmeasured is wrapped by the error of a rehearsal that says nothing about the run.
var ErrUnmeasured = errors.New("not measured")

// The rehearsal's own times. A batch that would take longer than stepLimit is made smaller.
const (
	rehearsed      = 3 // steps, after one in which libtorch chooses kernels and takes memory
	stepLimit      = 5 * time.Second
	rehearsalLimit = time.Minute
	loadingTime    = 1500 * time.Millisecond
)

// Rehearse makes a few steps of the job and measures them. It writes nothing. A job that has rehearsed is good for
// nothing but Close. An error is the one with which [Run] would end before or in its first steps, or it wraps
// [ErrUnmeasured].
func (j *Job) Rehearse(ctx context.Context) (r *Rehearsal, err error) {
	c := j.Config
	if err := torch.Use(c.Train.Device); err != nil {
		return nil, run.Invalid(err)
	}
	if err := j.identify(); err != nil {
		return nil, err
	}
	s, err := j.prepare(ctx, "", &Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	evaluated, _ := s.Probe.Rows()
	r = &Rehearsal{
		Steps: s.Steps, Batch: j.rehearsedBatch(), EvalImages: evaluated,
		Evals: 1 + (s.Steps+c.Train.EvalEvery-1)/max(1, c.Train.EvalEvery),
	}
	whole := c.Train.Batch * c.Train.Accumulate
	c.Train.Accumulate = 1
	s.Loader.Batch = r.Batch
	if err := s.quarantine(""); err != nil {
		return nil, err
	}
	if r.LoadRate, err = loadRate(ctx, s); err != nil {
		return nil, err
	}
	seconds, held, most, err := rehearse(ctx, s.Trainer, 0)
	if err != nil {
		if r.Batch < c.Train.Batch && ctx.Err() == nil { // the run's own batch might do
			err = fmt.Errorf("%w: a step of %d images, since one of %d takes long here, failed: %w", ErrUnmeasured,
				r.Batch, c.Train.Batch, err)
		}
		return nil, err
	}
	scale := float64(whole) / float64(r.Batch)
	r.StepTime = seconds * scale
	if n := c.Stages.Number(); n > 1 {
		if most, err = rehearseStages(ctx, s, r, seconds, most); err != nil {
			return nil, err
		}
		r.StepTime = 0
		for stage, from := 0, 0; stage < n; stage++ {
			r.StageTimes[stage] *= scale
			end := append(slices.Clone(c.Stages.Ends), s.Steps)[stage]
			r.StepTime += r.StageTimes[stage] * float64(end-from) / float64(s.Steps)
			from = end
		}
		seconds = r.StageTimes[n-1] / scale
	}
	r.LoadTime = float64(whole) / r.LoadRate
	r.EvalTime = seconds / float64(r.Batch) / passes / fullViews(c.Config) * float64(evaluated)
	r.Memory = held + max(0, most-held)*float64(c.Train.Batch)/float64(r.Batch)
	return r, nil
}

// rehearseStages measures the step of every stage, once for each size. first and most are the seconds and the memory of
// the first stage; it returns the most memory.
func rehearseStages(ctx context.Context, s *Session, r *Rehearsal, first, most float64) (float64, error) {
	c := s.Job.Config
	of := map[int]float64{}
	for stage := range c.Stages.Number() {
		size, from := c.Data.Size, 0
		if len(c.Stages.Sizes) > 0 {
			size = c.Stages.Sizes[stage]
		}
		if stage > 0 {
			from = c.Stages.Ends[stage-1]
		}
		if _, known := of[size]; !known && stage == 0 {
			of[size] = first
		} else if !known {
			seconds, _, held, err := rehearse(ctx, s.Trainer, from)
			if err != nil {
				return 0, err
			}
			of[size], most = seconds, max(most, held)
		}
		r.StageTimes = append(r.StageTimes, of[size])
	}
	return most, nil
}

// rehearsedBatch returns the run's batch, or the part of it that is expected to take at most stepLimit.
func (j *Job) rehearsedBatch() int {
	c := j.Config
	batch := c.Train.Batch
	rate := pace(c.Config, c.Backbone)
	if c.Train.Device != "cpu" || rate == 0 {
		return batch
	}
	images := int(math.Min(rate*stepLimit.Seconds(), float64(batch)))
	if images < batch && images > 16 {
		images -= images % 16 // some methods divide a batch into groups
	}
	return min(batch, max(2, images))
}

// loadRate measures how many images per second the loader makes alone.
func loadRate(ctx context.Context, s *Session) (float64, error) {
	images, began := 0, time.Now()
	for epoch := 0; ; epoch++ {
		for b, err := range s.Loader.Epoch(ctx, epoch, 0) {
			if err != nil {
				return 0, err
			}
			images += len(b.Index)
			b.Release()
			if time.Since(began) > loadingTime {
				return float64(images) / time.Since(began).Seconds(), nil
			}
		}
	}
}

// rehearse makes steps from one on and returns the seconds of a step, and the bytes that the process held before and at
// most.
func rehearse(parent context.Context, t *train.Trainer, from int) (seconds, held, most float64, err error) {
	tooLong := fmt.Errorf("%w: what the method does before the first step takes longer than %s", ErrUnmeasured,
		rehearsalLimit)
	ctx, cancel := context.WithTimeoutCause(parent, rehearsalLimit, tooLong)
	defer cancel()
	debug.FreeOSMemory() // what looking at the images left
	before, _ := machine.Resident()
	peak := watchMemory()
	var times []float64
	err = t.Rehearse(ctx, from, func(step time.Duration) bool {
		times = append(times, step.Seconds())
		return len(times) <= rehearsed && step < 2*stepLimit
	})
	most = peak()
	if len(times) == 0 {
		return 0, 0, 0, err
	}
	if err != nil && !errors.Is(err, ErrUnmeasured) {
		return 0, 0, 0, err
	}
	if len(times) > 1 {
		times = times[1:]
	}
	for _, t := range times {
		seconds += t / float64(len(times))
	}
	return seconds, float64(before), most, nil
}

// watchMemory looks at what the process holds until the function that it returns is called, which returns the most.
func watchMemory() (stop func() float64) {
	var most uint64
	var watching sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() {
		every := time.NewTicker(5 * time.Millisecond)
		defer every.Stop()
		for {
			now, _ := machine.Resident()
			most = max(most, now)
			select {
			case <-done:
				return
			case <-every.C:
			}
		}
	})
	return func() float64 {
		close(done)
		watching.Wait()
		return float64(most)
	}
}
