// SPDX-License-Identifier: Apache-2.0

// Package guard is the hook that judges a run after every evaluation, by package collapse/guard, and carries out the
// judgement: an alarm, a stop, or a return to the last good checkpoint.
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

// Hook judges a run when it was evaluated. It comes after the hook that evaluates.
type Hook struct {
	*guard.Guard
}

// New returns the guard of a run of the method that entry lists. It is nil when nobody is to look.
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

// unusual names what of the settings that prevent collapse is not as in the paper, "" when there is none:
// "method.stop_gradient (false, not true)". A number is named where it is what takes the prevention away: presets change
// numbers for small images.
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

// Replay gives the guard what the run in dir has said up to a step.
func (g *Hook) Replay(dir string, step int) error {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if errors.Is(err, fs.ErrNotExist) || step == 0 {
		return nil // it begins anew
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			continue // a torn line, which opening the log cuts off
		}
		if e.Step <= step {
			g.Add(e)
		}
	}
	return nil
}

// Name is "guard".
func (g *Hook) Name() string { return "guard" }

// After judges the run when it was evaluated.
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
		return train.Rewind{Times: g.Rewound() + 1, Why: why + ": the learning rate is halved", Halve: "halved after " + why}, nil
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
