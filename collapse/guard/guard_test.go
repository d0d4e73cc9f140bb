// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/guard"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

const steps = 1000

// state is what a network is like at a moment.
type state struct{ loss, cosine, rank, participation, knn float64 }

var (
	start   = state{0, 0.05, 90, 20, 0.3}
	healthy = state{-0.6, 0.1, 40, 8, 0.4}
	one     = state{-0.999, 0.99, 20, 5, 0.3}
	few     = state{-0.8, 0.4, 3, 1.1, 0.35}
	learnt  = state{-0.6, 0.1, 40, 8, 0.31}
)

// script returns the events of a run with the given state at each step. The guard's sample is measured every 20 steps,
// the probe every 200.
func script(from, to int, warm bool, at func(step int) state) []run.Event {
	var events []run.Event
	for step := from; step <= to; step += 20 {
		s := at(step)
		if step == 0 {
			events = append(events, run.Event{
				Event: run.Start, Method: "simsiam", Steps: steps, Warm: warm, Causes: "no stop-gradient",
				Constant: &collapse.ConstantLoss{Value: run.Num(-1), Minimum: true},
			})
		} else {
			events = append(events, run.Event{Event: run.StepEnd, Step: step,
				Metrics: map[string]run.Number{run.Loss: run.Num(s.loss)}})
		}
		embedding := run.Event{
			Event: run.Eval, Step: step, Of: run.OfEmbedding, Dims: 128, Rows: 512,
			Metrics: map[string]run.Number{run.MeanCosine: run.Num(s.cosine), run.EffectiveRank: run.Num(s.rank),
				run.ParticipationRatio: run.Num(s.participation), run.Std: run.Num(1), run.StdRaw: run.Num(1),
				run.TopShare: run.Num(1 / s.participation)},
		}
		if step%200 == 0 {
			h := embedding
			h.Probe, h.Of = "photos", run.OfBackbone
			h.Set(run.KNN, run.Num(s.knn))
			embedding.Probe = "photos"
			events = append(events, h, embedding)
		}
		embedding.Probe = run.GuardProbe
		events = append(events, embedding)
		if step == 0 { // the first loss is logged before the network has moved
			events = append(events, run.Event{Event: run.StepEnd, Step: 1,
				Metrics: map[string]run.Number{run.Loss: run.Num(s.loss)}})
		}
	}
	return events
}

// outcome is what a guard did with a run.
type outcome struct {
	alarms []string // "COMPLETE 80"
	doubts int
	action guard.Action
	at     int // the step of the action
	text   string
}

// watch lets the guard judge after every step of the events, until it acts.
func watch(g *guard.Guard, events []run.Event) (o outcome) {
	for i, e := range events {
		g.Add(e)
		if i+1 < len(events) && events[i+1].Step == e.Step {
			continue
		}
		v, ok := g.Verdict()
		if !ok {
			continue
		}
		if v.Doubt {
			o.doubts++
		}
		if v.Alarm != nil {
			alarm := *v.Alarm
			alarm.Step = e.Step
			o.alarms, o.text = append(o.alarms, fmt.Sprint(alarm.Class, " ", e.Step)), alarm.Message
			g.Add(alarm)
		}
		if v.Action != guard.GoOn {
			o.action, o.at = v.Action, e.Step
			return o
		}
	}
	return o
}

// after is healthy until a step and then something else.
func after(step int, then state) func(int) state {
	return func(at int) state {
		switch {
		case at == 0:
			return start
		case at < step:
			return healthy
		}
		return then
	}
}

func TestGuard(t *testing.T) {
	for name, c := range map[string]struct {
		at     func(int) state
		warm   bool
		alarms string
	}{
		"healthy":           {after(2*steps, one), false, ""},
		"collapsed at once": {after(20, one), false, "COMPLETE 80"}, // before a tenth of the run
		"collapsed late":    {after(700, one), false, "COMPLETE 740"},
		"lost dimensions":   {after(300, few), false, "DIMENSIONAL 340"},
		"one point at two evaluations of five": {func(at int) state {
			if at%100 >= 60 {
				return one
			}
			return after(2*steps, one)(at)
		}, false, ""},
		"first few dimensions, then one point": {func(at int) state {
			if at < 500 {
				return after(300, few)(at)
			}
			return one
		}, false, "DIMENSIONAL 340, COMPLETE 500"},
		// at the third evaluation of the probe in the second half
		"features no better than the untrained": {after(20, learnt), false, "UNINFORMATIVE 1000"},
		"features no better than the given":     {after(20, learnt), true, ""},
	} {
		o := watch(guard.New(config.Warn), script(0, steps, c.warm, c.at))
		if got := strings.Join(o.alarms, ", "); got != c.alarms || o.action != guard.GoOn {
			t.Errorf("%s: alarms %q, want %q; action %v", name, got, c.alarms, o.action)
		}
	}
}

// An alarm says in one line what has happened, by which numbers, what usually causes it, what is unusual in this run,
// and what to do.
func TestAlarmText(t *testing.T) {
	g := guard.New(config.Warn)
	g.Method, g.Unusual = "SimSiam", "method.stop_gradient (false, not true)"
	o := watch(g, script(0, steps, false, after(20, one)))
	for _, want := range []string{
		"one point", "mean_cosine 0.99 (above 0.93)", "loss_floor", "Usual causes in SimSiam: no stop-gradient.",
		"differs from the paper in method.stop_gradient (false, not true).", "lower optim.base_rate",
	} {
		if !strings.Contains(o.text, want) {
			t.Errorf("the alarm does not say %q: %s", want, o.text)
		}
	}
	if strings.Contains(o.text, "\n") {
		t.Errorf("more than one line: %q", o.text)
	}
	e, ok := g.Judged()
	if !ok || e.Class != string(collapse.Complete) || len(e.Evidence) != 3 || e.Evidence[0].Name != "mean_cosine" {
		t.Errorf("in the end it is judged %+v", e)
	}
}

func TestStop(t *testing.T) {
	o := watch(guard.New(config.Stop), script(0, steps, false, after(200, one)))
	if o.action != guard.Stop || o.at != 240 || len(o.alarms) != 1 {
		t.Errorf("%+v", o)
	}
	if o := watch(guard.New(config.Stop), script(0, steps, false, after(20, learnt))); o.action != guard.GoOn ||
		len(o.alarms) != 1 {
		t.Errorf("features that may be all the data have to give end the run: %+v", o)
	}
}

// The weights are in doubt from the first reading that looks like a collapse, not only from the alarm.
func TestDoubt(t *testing.T) {
	if o := watch(guard.New(config.Warn), script(0, 240, false, after(200, one))); o.doubts != 3 {
		t.Errorf("%d doubts in three readings", o.doubts)
	}
	if o := watch(guard.New(config.Warn), script(0, steps, false, after(20, learnt))); o.doubts != 0 {
		t.Errorf("%d doubts of features that have not collapsed", o.doubts)
	}
}

// A run goes back Rewinds times and then stops. After each time it is judged as if the dropped steps had not happened.
func TestRewind(t *testing.T) {
	g := guard.New(config.Rewind)
	o := watch(g, script(0, steps, false, after(200, one)))
	for n := 1; n <= guard.Rewinds; n++ {
		if o.action != guard.GoBack || o.at != 240 || g.Rewound() != n-1 {
			t.Fatalf("before it goes back for the %d. time: %+v", n, o)
		}
		g.Add(run.Event{Event: run.Rewound, Step: 180, From: 240, Rewinds: n})
		if v, ok := g.Verdict(); ok {
			t.Fatalf("judged without an evaluation: %+v", v)
		}
		o = watch(g, script(200, steps, false, after(200, one)))
	}
	if o.action != guard.Stop || o.at != 240 {
		t.Errorf("after it went back %d times: %+v", guard.Rewinds, o)
	}

	// If going back helps, the run is healthy.
	g = guard.New(config.Rewind)
	watch(g, script(0, steps, false, after(200, one)))
	g.Add(run.Event{Event: run.Rewound, Step: 180, From: 240, Rewinds: 1})
	if o := watch(g, script(200, steps, false, after(2*steps, one))); o.action != guard.GoOn || o.doubts != 0 ||
		len(o.alarms) != 0 {
		t.Errorf("after it went back and did well: %+v", o)
	}
	// Going back to step 0 begins the run anew.
	g = guard.New(config.Rewind)
	watch(g, script(0, steps, false, after(20, one)))
	g.Add(run.Event{Event: run.Rewound, Step: 0, From: 60, Rewinds: 1})
	if o := watch(g, script(0, steps, false, after(2*steps, one))); o.action != guard.GoOn || o.doubts != 0 {
		t.Errorf("after it began anew: %+v", o)
	}
}

// A resumed run is judged as if it had not been stopped, at whatever step: earlier readings count, and alarms are not
// repeated.
func TestResume(t *testing.T) {
	whole := script(0, steps, false, after(300, one))
	want := watch(guard.New(config.Warn), whole)
	for cut := 20; cut < steps; cut += 20 {
		var before, then []run.Event
		for _, e := range whole {
			if e.Step <= cut {
				before = append(before, e)
			} else {
				then = append(then, e)
			}
		}
		first := guard.New(config.Warn)
		o := watch(first, before)
		second := guard.New(config.Warn)
		for _, e := range before {
			second.Add(e)
		}
		for _, a := range o.alarms {
			class, _, _ := strings.Cut(a, " ")
			second.Add(run.Event{Event: run.Alarm, Name: run.Collapse, Class: class, Step: cut})
		}
		second.Add(run.Event{Event: run.Resumed, Step: cut, Steps: steps})
		rest := watch(second, then)
		if got := fmt.Sprint(append(o.alarms, rest.alarms...)); got != fmt.Sprint(want.alarms) {
			t.Errorf("stopped at step %d: alarms %v, want %v", cut, got, want.alarms)
		}
	}
}

// Embeddings may draw together for a while if the loss of a constant embedding is the chance level, but not if it is
// the minimum.
func TestChanceLevel(t *testing.T) {
	for _, c := range []struct {
		until  int // from step 20 on
		alarms string
	}{{120, ""}, {2 * steps, "COMPLETE 160"}} {
		g := guard.New(config.Stop)
		events := script(0, steps, false, func(at int) state {
			s := after(20, one)(at)
			if s.loss = 4.16; at > c.until {
				s = healthy
			}
			return s
		})
		events[0].Constant = &collapse.ConstantLoss{Value: run.Num(4.159)} // ln 64
		o := watch(g, events)
		if got := strings.Join(o.alarms, ", "); got != c.alarms || (o.doubts > 0) != (c.alarms != "") {
			t.Errorf("until step %d: alarms %q, want %q; %d doubts", c.until, got, c.alarms, o.doubts)
		}
	}
}

// Before anything is measured there is nothing to say.
func TestNothingYet(t *testing.T) {
	g := guard.New(config.Stop)
	if v, ok := g.Verdict(); ok {
		t.Errorf("%+v", v)
	}
	g.Add(run.Event{Event: run.Start, Steps: steps})
	g.Add(run.Event{Event: run.StepEnd, Step: 1, Metrics: map[string]run.Number{run.Loss: run.Num(1)}})
	if v, ok := g.Verdict(); ok {
		t.Errorf("%+v", v)
	}
	if e, ok := g.Judged(); ok {
		t.Errorf("%+v", e)
	}
}

// An alarm about copies of one image names the data before what is usual in the method.
func TestDataComeFirstAmongTheCauses(t *testing.T) {
	copies := func(distinct int) (events []run.Event) {
		same := state{loss: -0.999, cosine: 1}
		for _, e := range script(0, 400, false, func(int) state { return same }) {
			if e.Event == run.Eval {
				e.Set(run.Std, run.Num(0))
				e.Set(run.ParticipationRatio, run.Num(0))
				e.Set(run.TopShare, run.Num(1))
				if e.Step == 0 && e.Probe == run.GuardProbe {
					e.Distinct = distinct
				}
			}
			events = append(events, e)
		}
		return events
	}
	o := watch(guard.New(config.Stop), copies(1))
	for _, want := range []string{"as they were before training: all images of the sample are the same (",
		"Usual causes: the data, no stop-gradient. Look at the images first"} {
		if !strings.Contains(o.text, want) {
			t.Errorf("%q lacks %q", o.text, want)
		}
	}
}
