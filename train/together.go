// SPDX-License-Identifier: Apache-2.0

package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// This file has what a run of several processes does besides: every process makes the same steps, and the chief alone
// writes and calls hooks. What the chief decides, and what only it has read, it tells the others.

// ErrStopped is the cause of the end of a run in a process that was not told to stop itself.
var ErrStopped = errors.New("another process of the run was told to stop")

// follows reports whether another process writes this run.
func (t *Trainer) follows() bool { return !t.Together.Chief() }

// group is the processes that share the batch, nil for one.
func (t *Trainer) group() *torch.Group { return t.Together.Shared() }

// share is this process's part of a batch.
func (t *Trainer) share() dataset.Share {
	return dataset.Share{Rank: t.group().Rank(), Of: t.group().Processes()}
}

// shareNorms opens the group over which batch norm takes its statistics. All processes call it.
func (t *Trainer) shareNorms() error {
	norms, err := t.Together.Neighbours(t.Config.Train.NormProcesses())
	if err == nil {
		t.params.Share(norms)
	}
	return err
}

// StateBytes returns how many bytes a checkpoint has of networks, optimiser and averaged weights: what one process
// hands to the others when they begin.
func (t *Trainer) StateBytes() (bytes int, err error) {
	err = torch.Scope(func() error {
		for _, s := range t.handed() {
			n := s.DType.Bytes()
			for _, d := range s.Shape {
				n *= d
			}
			bytes += n
		}
		return nil
	})
	return bytes, err
}

// asks are what any of the processes has asked for in the running step: the end of the run, a checkpoint.
type asks struct{ stop, save bool }

// mean returns the mean over the processes of the loss of a batch, and replaces its terms by theirs. It takes note of
// what the processes ask for, and of images that one of them could not read.
func (t *Trainer) mean(ctx context.Context, loss float64, terms []term) (float64, error) {
	if t.group() == nil {
		return loss, nil
	}
	bad := t.newBad()
	values := []float64{loss, bit(ctx.Err() != nil), bit(t.isAsked()), float64(len(bad))}
	for _, r := range terms {
		values = append(values, r.value.Item())
	}
	all := torch.FromFloat64(values, len(values))
	t.group().Sum(all)
	values = all.Float64s()
	n := float64(t.group().Processes())
	for i := range terms {
		terms[i].value = torch.Full(values[4+i]/n, torch.F64)
	}
	t.asks.stop, t.asks.save = t.asks.stop || values[1] > 0, t.asks.save || values[2] > 0
	if values[3] > 0 {
		if err := t.tellBad(bad); err != nil {
			return 0, err
		}
	}
	return values[0] / n, nil
}

// newBad returns the images that this process could not read, and of which the others have not been told.
func (t *Trainer) newBad() (bad []dataset.BadImage) {
	if t.Loader.Quarantine == nil || t.Loader.Quarantine.Len() == len(t.badTold) {
		return nil
	}
	for _, b := range t.Loader.Quarantine.All() {
		if !t.badTold[b.Index] {
			bad = append(bad, b)
		}
	}
	return bad
}

// tellBad puts the images that one process could not read into the quarantine of each, so that the chief's list has all
// of them and their limit holds for the whole run.
func (t *Trainer) tellBad(bad []dataset.BadImage) error {
	text, err := json.Marshal(bad)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	all := t.group().Gather(torch.FromBytes(text, torch.U8, len(text))).Bytes()
	if t.badTold == nil {
		t.badTold = map[int]bool{}
	}
	for line := range bytes.Lines(all) {
		var of []dataset.BadImage
		if err := json.Unmarshal(line, &of); err != nil {
			return fmt.Errorf("reading which images another process could not read: %w", err)
		}
		for _, b := range of {
			t.badTold[b.Index] = true
			if err := t.Loader.Quarantine.Add(b.Index, b.Name, errors.New(b.Reason)); err != nil {
				return fmt.Errorf("reading images: %w", err)
			}
		}
	}
	return nil
}

// stops reports whether the run ends after this step: all processes at the same one.
func (t *Trainer) stops(ctx context.Context) bool {
	if t.group() == nil {
		return ctx.Err() != nil
	}
	return t.asks.stop
}

// saves reports whether somebody has asked for a checkpoint since the last step.
func (t *Trainer) saves() bool {
	if t.group() == nil {
		return t.isAsked()
	}
	return t.asks.save
}

func bit(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// sighted reports whether a hook looks at the features of batches.
func (t *Trainer) sighted() bool {
	return slices.ContainsFunc(t.Hooks, func(h Hook) bool { b, ok := h.(Blind); return !ok || !b.Blind() })
}

// whole returns what the hooks are told of the step's last batch: that of all processes, or nothing if no hook looks.
func (t *Trainer) whole(c call) call {
	g := t.group()
	switch {
	case g == nil:
		return c
	case !t.shown:
		return call{}
	}
	ints := func(values []int) []int { return g.Gather(torch.FromInts(values, len(values))).Ints() }
	c.labels, c.index = ints(c.labels), ints(c.index)
	if c.features.Defined() {
		c.features = g.Gather(c.features)
	}
	return c
}

// verdict is what the chief tells the others after the hooks.
type verdict struct {
	By      string
	Stop    *Stop   `json:",omitempty"`
	Rewind  *Rewind `json:",omitempty"`
	Replan  *Replan `json:",omitempty"`
	Stopped bool    `json:",omitempty"` // a signal ended a hook's call
	Error   string  `json:",omitempty"`
}

// verdicts is the name under which verdicts are published.
const verdicts = "verdict"

// hooked calls the hooks in the chief, and returns what was decided in every process.
func (t *Trainer) hooked(ctx context.Context, f func() (by string, d Decision, err error)) (by string, d Decision,
	err error,
) {
	switch {
	case t.Together == nil:
		return f()
	case t.follows():
		return t.told()
	}
	// A hook's forward passes are the chief's alone.
	t.params.Alone(func() { by, d, err = f() })
	v := verdict{By: by}
	switch d := d.(type) {
	case Stop:
		v.Stop = &d
	case Rewind:
		v.Rewind = &d
	case Replan:
		v.Replan = &d
	}
	if err != nil {
		v.Error, v.Stopped = err.Error(), ctx.Err() != nil
	}
	text, failed := json.Marshal(v)
	if failed == nil {
		failed = t.Together.Publish(verdicts, string(text))
	}
	return by, d, errors.Join(err, failed)
}

// told returns what the chief has decided.
func (t *Trainer) told() (by string, d Decision, err error) {
	text, err := t.Together.Read(verdicts)
	if err != nil {
		return "", nil, err
	}
	var v verdict
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", nil, fmt.Errorf("reading what process 0 has decided: %w", err)
	}
	switch {
	case v.Stopped:
		t.quit(ErrStopped)
		err = ErrStopped
	case v.Error != "":
		err = fmt.Errorf("process 0: %s", v.Error)
	case v.Stop != nil:
		d = *v.Stop
	case v.Rewind != nil:
		d = *v.Rewind
	case v.Replan != nil:
		d = *v.Replan
	}
	return v.By, d, err
}

// The parts of the state that the chief hands to the others.
const (
	networksPart  = "networks/"
	optimizerPart = "optimizer/"
	averagePart   = "average/"
)

// hand gives every process the chief's step, networks and optimiser: after a checkpoint was loaded, and at the start.
func (t *Trainer) hand() error {
	if t.group() == nil {
		return nil
	}
	return torch.Scope(func() error {
		at := torch.FromInts([]int{t.step, t.saved, t.Steps, int(bit(t.sighted()))}, 4)
		t.group().Broadcast(0, at)
		numbers := at.Ints()
		t.step, t.saved, t.Steps, t.shown = numbers[0], numbers[1], numbers[2], numbers[3] != 0
		var text []byte
		if !t.follows() {
			var b bytes.Buffer
			if err := nn.WriteStates(&b, t.handed(), nil); err != nil {
				return fmt.Errorf("handing the networks to the other processes: %w", err)
			}
			text = b.Bytes()
		}
		length := torch.FromInts([]int{len(text)}, 1)
		t.group().Broadcast(0, length)
		if t.follows() {
			text = make([]byte, length.Ints()[0])
		}
		whole := torch.FromBytes(text, torch.U8, len(text))
		t.group().Broadcast(0, whole)
		if !t.follows() {
			return nil
		}
		return t.take(whole.Bytes())
	})
}

// handed are the chief's states.
func (t *Trainer) handed() (all []nn.State) {
	for _, part := range []struct {
		prefix string
		states []nn.State
	}{{networksPart, t.params.Lend()}, {optimizerPart, t.optimizer.Lend()}, {averagePart, t.average.lend()}} {
		all = append(all, renamed(part.states, func(name string) string { return part.prefix + name })...)
	}
	return all
}

// take loads what the chief has handed over.
func (t *Trainer) take(text []byte) error {
	states, err := nn.ParseStates(text)
	if err != nil {
		return fmt.Errorf("taking the networks of process 0: %w", err)
	}
	part := func(prefix string) []nn.State {
		own := slices.DeleteFunc(slices.Clone(states), func(s nn.State) bool {
			return !strings.HasPrefix(s.Name,
				prefix)
		})
		return renamed(own, func(name string) string { return strings.TrimPrefix(name, prefix) })
	}
	err = t.params.Load(part(networksPart))
	if err == nil {
		err = t.optimizer.Load(part(optimizerPart))
	}
	if err == nil {
		err = t.average.load(part(averagePart))
	}
	if err != nil {
		return fmt.Errorf("the networks of process 0 are others: %w", err)
	}
	return nil
}

// follow is Run in a process that writes nothing.
func (t *Trainer) follow(ctx context.Context) error {
	err := t.loops(ctx)
	if errors.Is(err, ErrStopped) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
