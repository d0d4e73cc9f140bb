// SPDX-License-Identifier: Apache-2.0

// Package guard is the training hook that judges a run after every evaluation, using package collapse/guard. It acts on
// the verdict with an alarm, a stop, or a return to the last good checkpoint.
package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/collapse/guard"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// Hook judges a run after each evaluation. It must follow the evaluating hook in the trainer's list.
type Hook struct {
	*guard.Guard
}

// New returns the guard of a run with the method of entry. With train.on_collapse off it returns nil.
func New(c *config.Layered, entry method.Entry) (*Hook, error) {
	if c.Train.OnCollapse == config.Off {
		return nil, nil
	}
	g := guard.New(c.Train.OnCollapse)
	g.Method = entry.Title
	var err error
	g.Unusual, err = unusual(entry, c.Method.Fields)
	return &Hook{g}, err
}

// unusual names the collapse-preventing settings that differ from the paper's, for example "method.stop_gradient
// (false, not true)"; "" for none. It names a number only if that number switches the prevention off, because presets
// change numbers for small images.
func unusual(e method.Entry, fields any) (string, error) {
	have, err := config.Fields(fields)
	if err != nil {
		return "", err
	}
	paper, err := config.Fields(e.New())
	if err != nil {
		return "", err
	}
	is, usual := map[string]config.Field{}, map[string]string{}
	for _, f := range have {
		is["method."+f.Path] = f
	}
	for _, f := range paper {
		usual["method."+f.Path] = f.Text
	}
	var named []string
	for _, s := range e.Prevents {
		turned := true
		for _, set := range s.Set {
			key, value, _ := strings.Cut(set, "=")
			turned = turned && is[key].Text == value
		}
		for _, set := range s.Set {
			key, _, _ := strings.Cut(set, "=")
			f := is[key]
			if f.Text == usual[key] || !turned && f.Kind != "true or false" && f.Kind != "text" {
				continue
			}
			if text := fmt.Sprintf("%s (%s, not %s)", key, f.Text, usual[key]); !slices.Contains(named, text) {
				named = append(named, text)
			}
		}
	}
	return strings.Join(named, ", "), nil
}

// Replay gives the guard the events of the run in dir up to a step.
func (g *Hook) Replay(dir string, step int) error {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if errors.Is(err, fs.ErrNotExist) || step == 0 {
		return nil // the run begins anew
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			continue // a torn line, which OpenLog cuts off
		}
		if e.Step <= step {
			g.Add(e)
		}
	}
	return nil
}

// Name is "guard".
func (g *Hook) Name() string { return "guard" }

// Blind is true: the guard embeds images of its own.
func (*Hook) Blind() bool { return true }

// After judges the run if it has just been evaluated.
func (g *Hook) After(p *train.Progress) (train.Decision, error) {
	v, ok := g.Verdict()
	if !ok {
		return nil, nil
	}
	p.Doubt(v.Doubt)
	if v.Alarm != nil {
		if err := p.Emit(*v.Alarm); err != nil {
			return nil, err
		}
	}
	f := v.Worst()
	if v.Action == guard.GoBack {
		why := fmt.Sprintf("%s at step %d", f.Class, p.Step)
		return train.Rewind{
			Times: g.Rewound() + 1, Why: why + ": the learning rate is halved", Halve: "halved after " + why,
		}, nil
	}
	if e, ok := g.Judged(); ok && (p.Step == p.Of || v.Action == guard.Stop) {
		if err := p.Emit(e); err != nil {
			return nil, err
		}
	}
	if v.Action == guard.Stop {
		return train.Stop{Why: f.String()}, nil
	}
	return nil, nil
}
