// SPDX-License-Identifier: Apache-2.0

// Package guard watches a run through its events, and says when the run has collapsed and what to do then. It sees
// nothing but events. A resumed or finished run is therefore judged from its metrics file as it was while it ran.
package guard

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// ChanceSteps is the number of steps before which neither embeddings close to one point nor uniform assignments count
// as collapse, for a loss that a constant embedding does not minimise. Methods with negatives, clusters or statistics
// begin at the chance level, which is also the loss of a collapsed network. Their embeddings may draw together before
// they spread: on CIFAR-10 healthy SimCLR had a mean cosine of 0.83 after 80 steps. SwAV's loss is within 1 % of ln K
// in its first 50 steps, and does not tell whether it will leave that level.
const ChanceSteps = 150

// Rewinds is the number of times that a run goes back; after that it is stopped.
const Rewinds = 3

// Guard watches one run. Its policy is one of the values of train.on_collapse.
type Guard struct {
	Policy     string
	Method     string              // the method's title, for messages
	Unusual    string              // settings that differ from the paper's, the first suspects; "" for none
	Thresholds collapse.Thresholds // the zero value means the defaults

	sample, probe history.Builder
	causes        string
	said          map[string]bool // classes for which an alarm was raised
	rewinds       int
	fresh         bool // an evaluation has come in since the last verdict
}

// New returns a guard for a run that has not begun.
func New(policy string) *Guard {
	return &Guard{Policy: policy, sample: history.Builder{Sample: true}, said: map[string]bool{}}
}

// Action is what to do with a run.
type Action int

// The actions.
const (
	GoOn Action = iota
	Stop
	GoBack
)

// Verdict is the guard's judgement after an evaluation.
type Verdict struct {
	collapse.Diagnosis
	// Doubt says that the newest reading of the sample looks like a collapse, confirmed or not. The weights must not be
	// kept as good ones.
	Doubt  bool
	Alarm  *run.Event // the alarm to raise; nil if there is none, or if it was raised before
	Action Action
}

// Add takes the next event of the run. After a resume, it must also be given the events of the earlier process.
func (g *Guard) Add(e run.Event) {
	g.sample.Add(e)
	g.probe.Add(e)
	switch e.Event {
	case run.Start:
		g.causes = e.Causes
	case run.Resumed:
		g.fresh = false // the earlier process has judged it
	case run.Eval:
		g.fresh = true
	case run.Alarm:
		g.said[e.Class] = true
	case run.Rewound:
		g.said, g.rewinds, g.fresh = map[string]bool{}, e.Rewinds, false
	}
}

// Verdict judges the run. ok is false if no evaluation has come in since the last verdict.
//
// Two series of readings are judged, each with a patience of its own. The guard's sample is small and taken often, so
// that a fast collapse is seen early. The probe's readings also use labels.
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

// premature says whether a healthy run of the method may begin like this.
func (g *Guard) premature(d collapse.Diagnosis) bool {
	switch d.Worst().Class {
	case collapse.Complete, collapse.Collapsing, collapse.Dimensional, collapse.Uniform:
		return !g.probe.Run.Constant.Minimum && d.Step < ChanceSteps
	}
	return false
}

// Rewound returns how many times the run has gone back.
func (g *Guard) Rewound() int { return g.rewinds }

// Judged returns the event for the end of the run, with its final diagnosis. ok is false if nothing was measured after
// the start.
func (g *Guard) Judged() (e run.Event, ok bool) {
	often := collapse.Diagnose(g.sample.Run, nil, g.Thresholds)
	rarely := collapse.Diagnose(g.probe.Run, nil, g.Thresholds)
	d := decisive(often, rarely)
	f := d.Worst()
	e = g.event(run.Judged, f)
	e.Message = strings.TrimSuffix(f.Meaning, ".") + " (" + numbers(f) + ")"
	if f.Class.Alarming() && (!f.Confirmed || g.premature(d)) {
		e.Message += ", but this has not lasted long enough to be sure"
	}
	return e, f.Class != collapse.Unknown
}

// decisive returns the diagnosis that counts. It is the sample's, unless the sample's says nothing, or only the probe's
// is an alarm.
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

// destructive says whether a class makes it pointless to train on or to keep the weights. Uninformative does not:
// better features than those of the untrained network may not be possible with the data.
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

// explain says in one line what has happened, by which numbers, what usually causes it, and what to do.
func (g *Guard) explain(f collapse.Finding) string {
	text := strings.TrimSuffix(f.Meaning, ".") + " (" + numbers(f) + ")."
	causes, check := g.causes, ""
	if f.Data != "" {
		causes, check = strings.TrimSuffix("the data, "+causes, ", "), " Look at the images first (parallax views)."
	}
	if causes != "" && destructive(f.Class) && f.Class != collapse.Diverged {
		of := ""
		if g.Method != "" {
			of = " in " + g.Method
		}
		text += fmt.Sprintf(" Usual causes%s: %s.%s", of, causes, check)
	}
	if g.Unusual != "" {
		text += " This run differs from the paper in " + g.Unusual + "."
	}
	return text + " " + remedy(f.Class)
}

// remedy returns what to try, as one sentence.
func remedy(c collapse.Class) string {
	switch c {
	case collapse.Complete, collapse.Collapsing:
		return "Restore what prevents collapse, or else lower optim.base_rate and lengthen optim.warmup_steps."
	case collapse.Dimensional:
		return "Restore what keeps dimensions apart, or else lower optim.base_rate or optim.weight_decay, or use a " +
			"larger batch."
	case collapse.Uninformative:
		return "Look at the views (parallax views), which may be too easy or share too little, and train longer."
	case collapse.Diverged:
		return "Lower optim.base_rate, lengthen optim.warmup_steps, or clip gradients with optim.clip_grad."
	case collapse.OneCluster, collapse.FewClusters:
		return "Restore what spreads images over clusters, or else lower optim.base_rate or use fewer clusters."
	case collapse.Uniform:
		return "Sharpen the assignments (lower the temperature), or else lengthen optim.warmup_steps."
	}
	return ""
}
