// SPDX-License-Identifier: Apache-2.0

// Package guard watches a run by its events, and says when it has collapsed and what to do then. It sees nothing but events, so
// that a run which is resumed, or was finished long ago, is judged by its file of metrics as it was while it ran.
package guard

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// ChanceSteps is how many steps it takes before embeddings that draw together, or assignments that say nothing, are believed to be
// a collapse under a loss whose least value that is not. Methods with negatives, clusters or statistics begin at the chance level,
// which is the loss of a collapsed network, too, and their embeddings may draw together before they part: on CIFAR-10 healthy
// SimCLR had a mean cosine of 0.83 after 80 steps. What SwAV's does in its first 50 steps, with a loss within 1 % of ln K, does not
// tell whether it will leave it.
const ChanceSteps = 150

// Rewinds is how often a run goes back before it is stopped instead.
const Rewinds = 3

// Guard watches one run. Its policy is one of the values of train.on_collapse.
type Guard struct {
	Policy     string
	Method     string              // its title, for messages
	Unusual    string              // settings that are not the paper's, "" for none: the first thing to look at
	Thresholds collapse.Thresholds // the zero value: the defaults

	sample, probe history.Builder
	causes        string
	said          map[string]bool // classes that an alarm was raised for
	rewinds       int
	fresh         bool // an evaluation has come in since the last verdict
}

// New returns the guard of a run that has not begun.
func New(policy string) *Guard {
	return &Guard{Policy: policy, sample: history.Builder{Sample: true}, said: map[string]bool{}}
}

// Action is what is to be done with a run.
type Action int

// The actions.
const (
	GoOn Action = iota
	Stop
	GoBack
)

// Verdict is what the guard finds after an evaluation.
type Verdict struct {
	collapse.Diagnosis
	// Doubt says that the newest reading of the sample looks like a collapse, confirmed or not: its weights are not to be kept as
	// good ones.
	Doubt  bool
	Alarm  *run.Event // to be raised; nil when there is none or it was raised before
	Action Action
}

// Add takes the next event of the run, also of the process that it was resumed from.
func (g *Guard) Add(e run.Event) {
	g.sample.Add(e)
	g.probe.Add(e)
	switch e.Event {
	case run.Start:
		g.causes = e.Causes
	case run.Resumed:
		g.fresh = false // the process before has judged
	case run.Eval:
		g.fresh = true
	case run.Alarm:
		g.said[e.Class] = true
	case run.Rewound:
		g.said, g.rewinds, g.fresh = map[string]bool{}, e.Rewinds, false
	}
}

// Verdict judges the run by what has come in since the last verdict; ok is false when that is no evaluation.
//
// Two series of readings are judged, each with a patience of its own: the guard's sample, which is small and taken often, so
// that a fast collapse is seen early, and the probe's, which knows of labels.
func (g *Guard) Verdict() (v Verdict, ok bool) {
	if !g.fresh {
		return Verdict{}, false
	}
	g.fresh = false
	often := collapse.Diagnose(g.sample.Run, nil, g.Thresholds)
	rarely := collapse.Diagnose(g.probe.Run, nil, g.Thresholds)
	v.Diagnosis = decisive(often, rarely)
	v.Doubt = destructive(often.Worst().Class) && !g.premature(often)
	f := v.Worst()
	if !alarming(v.Diagnosis) || g.premature(v.Diagnosis) {
		return v, true
	}
	if destructive(f.Class) {
		v.Doubt = true
		switch {
		case g.Policy == config.Stop, g.Policy == config.Rewind && g.rewinds >= Rewinds:
			v.Action = Stop
		case g.Policy == config.Rewind:
			v.Action = GoBack
		}
	}
	if !g.said[string(f.Class)] || v.Action != GoOn {
		g.said[string(f.Class)] = true
		e := g.event(run.Alarm, f)
		e.Name, e.Message = run.Collapse, g.explain(f)
		v.Alarm = &e
	}
	return v, true
}

// premature says whether what is found may be no more than how a healthy run of such a method begins.
func (g *Guard) premature(d collapse.Diagnosis) bool {
	switch d.Worst().Class {
	case collapse.Complete, collapse.Collapsing, collapse.Dimensional, collapse.Uniform:
		return !g.probe.Run.Constant.Minimum && d.Step < ChanceSteps
	}
	return false
}

// Rewound is how often the run has gone back.
func (g *Guard) Rewound() int { return g.rewinds }

// Judged is the event that says at the end what the run has become. ok is false when nothing was measured after the start.
func (g *Guard) Judged() (e run.Event, ok bool) {
	d := decisive(collapse.Diagnose(g.sample.Run, nil, g.Thresholds), collapse.Diagnose(g.probe.Run, nil, g.Thresholds))
	f := d.Worst()
	e = g.event(run.Judged, f)
	e.Message = strings.TrimSuffix(f.Meaning, ".") + " (" + numbers(f) + ")"
	if f.Class.Alarming() && (!f.Confirmed || g.premature(d)) {
		e.Message += ", which has not lasted long enough to be sure"
	}
	return e, f.Class != collapse.Unknown
}

// decisive is the diagnosis that counts: that of the sample, unless it says nothing, or only the probe's is an alarm.
func decisive(often, rarely collapse.Diagnosis) collapse.Diagnosis {
	if often.Worst().Class == collapse.Unknown || alarming(rarely) && !alarming(often) {
		return rarely
	}
	return often
}

// alarming says whether a diagnosis is a confirmed alarm.
func alarming(d collapse.Diagnosis) bool {
	f := d.Worst()
	return f.Class.Alarming() && f.Confirmed
}

// destructive says whether a class is one in which training on, or keeping the weights, makes no sense. Features that are no
// better than the untrained network's may be all that the data have to give.
func destructive(c collapse.Class) bool { return c.Alarming() && c != collapse.Uninformative }

func (g *Guard) event(kind string, f collapse.Finding) run.Event {
	return run.Event{Event: kind, Class: string(f.Class), Evidence: f.Evidence}
}

func numbers(f collapse.Finding) string {
	var parts []string
	for _, e := range f.Evidence {
		parts = append(parts, e.String())
	}
	return strings.Join(parts, ", ")
}

// explain says in one line what has happened, by which numbers, what it usually comes from, and what to do.
func (g *Guard) explain(f collapse.Finding) string {
	text := strings.TrimSuffix(f.Meaning, ".") + " (" + numbers(f) + ")."
	if g.causes != "" && destructive(f.Class) && f.Class != collapse.Diverged {
		of := ""
		if g.Method != "" {
			of = " in " + g.Method
		}
		text += fmt.Sprintf(" Usual causes%s: %s.", of, g.causes)
	}
	if g.Unusual != "" {
		text += " This run differs from the paper in " + g.Unusual + "."
	}
	return text + " " + remedy(f.Class)
}

// remedy is what to try, one sentence.
func remedy(c collapse.Class) string {
	switch c {
	case collapse.Complete, collapse.Collapsing:
		return "Put back what prevents collapse, else lower optim.base_rate and lengthen optim.warmup_steps."
	case collapse.Dimensional:
		return "Put back what keeps dimensions apart, else lower optim.base_rate or optim.weight_decay, or use a larger batch."
	case collapse.Uninformative:
		return "Look at the views (parallax views), which may be too easy or share too little, and train for longer."
	case collapse.Diverged:
		return "Lower optim.base_rate, lengthen optim.warmup_steps, or clip gradients with optim.clip_grad."
	case collapse.OneCluster, collapse.FewClusters:
		return "Put back what spreads images over clusters, else lower optim.base_rate, or have fewer clusters."
	case collapse.Uniform:
		return "Sharpen the assignments (a lower temperature), else lengthen optim.warmup_steps."
	}
	return ""
}
