// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/internal/labtest"
	"github.com/parallax-ssl/parallax/run"
)

// An arm is compared with the control of its own method: a rank that is low for SimSiam may be healthy for SwAV.
func TestArmsAreComparedWithinTheirMethod(t *testing.T) {
	e := lab.Experiment{Arms: []lab.Arm{{Name: "control", Method: "simsiam"}, {Name: "its own", Method: "swav"},
		{Name: "other", Method: "swav"}}, Expect: []lab.Expectation{expect.Survives("other")}}
	low := labtest.Ending{Loss: -0.8, Cosine: 0.3, Rank: 12, Participation: 2.6, KNN: 0.74}
	s := lab.Sample{Traces: map[string]*lab.Trace{"control": labtest.Healthy.Trace(200), "its own": low.Trace(200),
		"other": low.Trace(200)}}
	for arm, want := range map[string]collapse.Class{"control": collapse.Healthy, "its own": collapse.Healthy,
		"other": collapse.Healthy} {
		if got := s.Diagnosis(e, arm).Class; got != want {
			t.Errorf("%s is %s, want %s", arm, got, want)
		}
	}
	e.Arms[1].Method, e.Arms[2].Method = "simsiam", "simsiam"
	if got := s.Diagnosis(e, "other").Class; got != collapse.Dimensional {
		t.Errorf("beside a control of its own method it is %s", got)
	}
}

// Arms with other batch sizes see the same number of images in other numbers of steps. They are compared at the same
// share of the run.
func TestArmsAreComparedAtTheSameShareOfTheRun(t *testing.T) {
	early := labtest.Healthy
	early.Rank = 20
	s := lab.Sample{Traces: map[string]*lab.Trace{"control": labtest.Healthy.Trace(200), "other": early.Trace(50)}}
	// At step 50 the control's rank is still 77, and 20 is less than two fifths of it. At the end it is 38.
	if d := s.Diagnosis(labtest.Collapsing, "other"); d.Class != collapse.Healthy {
		t.Errorf("a quarter of the steps: %s", d.Finding)
	}
	s.Traces["other"] = early.Trace(800)
	if d := s.Diagnosis(labtest.Collapsing, "other"); d.Class != collapse.Healthy {
		t.Errorf("four times the steps: %s", d.Finding)
	}
	if s.Traces["control"].Run.History[1].Step != 20 {
		t.Error("the control's own history was changed")
	}
}

func TestFirstAndLastValues(t *testing.T) {
	trace := labtest.Healthy.Trace(200)
	if first, last := trace.First(lab.KNN), trace.Last(lab.KNN); first != 0.65 || last != 0.74 {
		t.Errorf("knn is %g and %g", first, last)
	}
	if first, last := trace.First(lab.Loss), trace.Last(lab.Loss); first != 0 || last != -0.83 {
		t.Errorf("the loss is %g and %g", first, last)
	}
	late := &lab.Trace{Events: []run.Event{{Event: run.Eval, Step: 10, Probe: "p", Of: run.OfBackbone,
		Metrics: map[string]run.Number{run.KNN: run.Num(0.5)}}}}
	if first := late.First(lab.KNN); !math.IsNaN(first) {
		t.Errorf("the first evaluation is of step 10, and gave %g for the untrained network", first)
	}
	if last := (&lab.Trace{}).Last(lab.KNN); !math.IsNaN(last) {
		t.Errorf("an empty run gave %g", last)
	}
}
