// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
)

// published is the number of claims on the project's list of published claims, by the paper's letters. They are
// numbered from 1. The laboratory has further claims.
var published = map[string]int{
	"SIM": 15, "BYO": 7, "BYG": 3, "DPR": 11, "VIC": 12, "BAR": 7, "WMS": 4, "DBN": 3, "CLR": 4, "AU": 2, "TMP": 1,
	"MOC": 3, "MO3": 1, "JNG": 5, "DCL": 1, "SUP": 1, "NNC": 1, "SWA": 5, "DIN": 7, "SCN": 3, "PAW": 2, "MSN": 2,
	"RSL": 2, "CAP": 3, "ZHG": 2, "STB": 1, "STP": 1, "RKM": 1, "LID": 1, "ARQ": 1, "CLD": 1,
}

// The atlas has a column for every setting that keeps a method from collapsing.
func TestEveryPreventionIsASwitch(t *testing.T) {
	for _, e := range slices.Concat(method.All, method.Later) {
		for _, s := range e.Prevents {
			x := lab.Experiment{Method: e.Name, Arms: []lab.Arm{{}, {Set: s.Set[:1]}}}
			if x.Turns() == "other" {
				t.Errorf("%s: %s is none of the atlas's switches: add it to lab/switch.go", e.Name, s.Set[0])
			}
		}
	}
}

// Every published claim has an experiment. Some only say why the claim cannot be tested.
func TestEveryPublishedClaimIsThere(t *testing.T) {
	for letters, count := range published {
		for n := 1; n <= count; n++ {
			id := fmt.Sprintf("%s-%02d", letters, n)
			if _, err := lab.Find(All, id); err != nil {
				t.Error(err)
			}
		}
	}
}

// What every experiment must have.
func TestExperimentsAreComplete(t *testing.T) {
	form, quoted := regexp.MustCompile(`^[A-Z][A-Z0-9]{1,2}-\d\d$`), regexp.MustCompile(`"[^"]*"`)
	seen := map[string]bool{}
	for _, e := range All {
		fail := func(text string, args ...any) { t.Helper(); t.Errorf(e.ID+": "+text, args...) }
		if !form.MatchString(e.ID) || seen[e.ID] {
			fail("the id is not two or three letters and two digits, or another one has it")
		}
		seen[e.ID] = true
		if _, err := method.Find(e.Method); err != nil {
			fail("%v", err)
		}
		if !strings.HasSuffix(e.Question, "?") || strings.Contains(e.Question, "\n") {
			fail("%q is no question", e.Question)
		}
		for name, text := range map[string]string{"claim": e.Claim, "source": e.Source, "reported": e.Reported} {
			if strings.TrimSpace(text) == "" {
				fail("no %s", name)
			}
		}
		if !slices.Contains(lab.Switches, e.Turns()) {
			fail("the switch %q is none of the atlas", e.Turns())
		}
		if e.Untestable != "" {
			continue
		}
		if len(e.Expect) == 0 || len(e.Shows) == 0 {
			fail("nothing is expected, or nothing is shown")
		}
		if e.Closed == nil == (len(e.Arms) == 0) {
			fail("%d arms, and a closed form: %v", len(e.Arms), e.Closed != nil)
		}
		names := map[string]bool{}
		for _, a := range e.Arms {
			if names[a.Name] || a.Name == "" {
				fail("arm %q has no name of its own", a.Name)
			}
			names[a.Name] = true
			for _, set := range a.Set {
				if key, value, ok := strings.Cut(set, "="); !ok || !strings.Contains(key, ".") || value == "" {
					fail("arm %q sets %q", a.Name, set)
				}
			}
		}
		for i, a := range e.Arms {
			for _, b := range e.Arms[:i] {
				if a.Key() == b.Key() {
					fail("%q and %q are the same run", a.Name, b.Name)
				}
			}
		}
		for _, x := range e.Expect {
			if x.Text == "" {
				fail("an expectation without a text")
			}
			for _, name := range quoted.FindAllString(x.Text, -1) {
				if !names[strings.Trim(name, `"`)] {
					fail("%s: there is no such arm", x.Text)
				}
			}
		}
		if f := e.Effect; f != nil && (!names[f.Arm] || !names[f.Of]) {
			fail("an effect between %q and %q, which are not both arms", f.Arm, f.Of)
		}
		if rule := strings.Join(e.Rule(), " "); strings.Contains(rule, string(lab.KNN)) && !e.NeedsLabels {
			fail("labels decide, but NeedsLabels is false")
		}
		for _, m := range e.Shows {
			if !measures(t, e, m) {
				fail("nothing measures %s", m)
			}
		}
	}
}

// measures says whether the runs of the experiment have the metric, or its closed form.
func measures(t *testing.T, e lab.Experiment, m lab.Metric) bool {
	t.Helper()
	if e.Closed != nil {
		s, err := e.Closed(1)
		if err != nil {
			t.Error(err)
		}
		_, known := s.Values[m]
		return known || s.Traces != nil
	}
	switch m.Of() {
	case "loss", "steps", "terms":
		return true
	case "pretext", "clustering":
		return slices.ContainsFunc(e.Arms, func(a lab.Arm) bool { return a.Method == "scan" })
	case run.OfBackbone, run.OfEmbedding, run.OfPrediction, run.OfAssignments:
	case run.OfTarget:
		return slices.ContainsFunc(e.Arms, func(a lab.Arm) bool { return a.Method == "byol" })
	default:
		return false
	}
	metrics := map[string]run.Number{}
	for _, name := range []string{
		run.KNN, run.Linear, run.Support, run.Std, run.MeanCosine, run.EffectiveRank, run.RankMe,
		run.ParticipationRatio, run.TopShare, run.StdRaw, run.CorrelationOff, run.Alignment, run.Uniformity,
		run.Perplexity, run.Information, run.Individual, run.Commutator, run.EigenCosine, run.SpectrumRank,
		run.LiDAR, run.GradientRatio,
	} {
		metrics[name] = run.Num(0.5)
	}
	trace := &lab.Trace{Events: []run.Event{{
		Event: run.Eval, Of: m.Of(), Dims: 16, Rows: 32, Used: 2, Metrics: metrics,
		Spectrum: []float64{3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
	}}}
	return len(trace.Curve(m)) > 0
}

// Two experiments share an arm's runs only if both write its settings in the same way.
func TestEqualArmsAreOneRun(t *testing.T) {
	keys := map[string]string{}
	for _, e := range All {
		for _, a := range e.Arms {
			sorted := a
			sorted.Set = slices.Sorted(slices.Values(a.Set))
			if old, known := keys[sorted.Key()]; known && old != a.Key() {
				t.Errorf("%s: %q does not share the run of an equal arm, because the order of %v differs",
					e.ID, a.Name, a.Set)
			}
			keys[sorted.Key()] = a.Key()
		}
	}
}

// The other arms change something in the control, so the control sets no more than any other arm of its method.
func TestTheControlComesFirst(t *testing.T) {
	for _, e := range All {
		for i, a := range e.Arms {
			if control := e.Arms[0]; i > 0 && a.Method == control.Method && len(a.Set) < len(control.Set) {
				t.Errorf("%s: %q sets less than the control %q", e.ID, a.Name, control.Name)
			}
		}
	}
}

// Every dispute has at least two claims. All of them exist, and each is listed once.
func TestDisputesHaveExperiments(t *testing.T) {
	for _, d := range Disputes {
		seen := map[string]bool{}
		for _, id := range d.Claims {
			if _, err := lab.Find(All, id); err != nil || seen[id] {
				t.Errorf("%s: %s is listed twice, or %v", d.Question, id, err)
			}
			seen[id] = true
		}
		if len(seen) < 2 {
			t.Errorf("%s: one claim is no dispute", d.Question)
		}
	}
}

// Claims are selected by ids in upper or lower case, and by the names of groups. Each is selected once.
func TestSelect(t *testing.T) {
	for _, c := range []struct {
		asked []string
		want  int
		first string
	}{
		{[]string{"sim-01", "BYO-01", "SIM-01"}, 2, "SIM-01"},
		{[]string{"review"}, len(Review), Review[0]},
		{[]string{"DIN-01", "review", "SIM-01"}, len(Review) + 1, "DIN-01"},
		{[]string{"review", "all"}, len(All), Review[0]},
	} {
		if got, err := Select(c.asked...); err != nil || len(got) != c.want || got[0] != c.first {
			t.Errorf("%v: %d claims, %v", c.asked, len(got), err)
		}
	}
	if _, err := Select("SIM-99"); err == nil || !strings.Contains(err.Error(), "SIM-") {
		t.Errorf("an unknown claim: %v", err)
	}
}
