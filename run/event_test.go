// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEventJSON(t *testing.T) {
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{Event: StepEnd, Step: 3, Metrics: map[string]Number{Loss: Num(0.5), Rate: Num(1e-3), DataWait: Num(0)},
			Terms: map[string]Number{"b": Num(0), "a": Num(math.Inf(1))}},
			`{"event":"step","step":3,"epoch":0,"loss":0.5,"terms":{"a":null,"b":0},"rate":0.001,"data_wait":0}`},
		{Event{Event: StepEnd, Metrics: map[string]Number{Loss: Num(math.NaN())}}, `{"event":"step","step":0,"epoch":0,"loss":null}`},
		{Event{Event: Eval, Step: 9, Epoch: 1, Probe: "test", Of: "backbone", Metrics: map[string]Number{
			KNN: Num(0.444), Linear: Num(0), Std: Num(0.9), MeanCosine: Num(-0.1), EffectiveRank: Num(30),
			RankMe: Num(31), ParticipationRatio: Num(12), Alignment: Num(0.2), Uniformity: Num(-3)}},
			`{"event":"eval","step":9,"epoch":1,"probe":"test","of":"backbone","knn":0.444,"linear":0,"std":0.9,"mean_cosine":-0.1,"effective_rank":30,"rankme":31,"participation_ratio":12,"alignment":0.2,"uniformity":-3}`},
		{Event{Event: Alarm, Name: "nonfinite", Term: "alignment", Message: "x"}, `{"event":"alarm","step":0,"epoch":0,"name":"nonfinite","term":"alignment","message":"x"}`},
		{Event{Event: Saved, Step: 10, File: "checkpoints/10", Best: true}, `{"event":"saved","step":10,"epoch":0,"file":"checkpoints/10","best":true}`},
	} {
		got, err := json.Marshal(c.event)
		must(t, err)
		if string(got) != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
		back, err := parseEvent(got)
		must(t, err)
		again, err := json.Marshal(back)
		must(t, err)
		if string(again) != c.want {
			t.Errorf("read back %s\nwant\n%s", again, c.want)
		}
	}
}

func TestReadEvents(t *testing.T) {
	text := `{"event":"start","step":0,"epoch":0}
{"event":"step","step":1,"epoch":0,"loss":null,"later":[1]}
not json
{"step":2}
{"event":"step","step":3,"epoch":0}
{"event":"step","step":4,"epoch":0}`
	var got []string
	for e, err := range ReadEvents(strings.NewReader(text)) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		if e.Step == 1 && !(e.Metrics[Loss].Known && math.IsNaN(e.Metrics[Loss].Value)) {
			t.Errorf("null was read as %+v, want NaN", e.Metrics[Loss])
		}
		got = append(got, e.Event)
	}
	want := []string{"start", "step", "line 3: not an event: invalid character 'o' in literal null (expecting 'u')",
		`line 4: not an event: it needs "event", and "step" and "epoch" of 0 or more`, "step"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = nil
	for e, err := range ReadEvents(strings.NewReader(strings.Repeat("x", 3*maxLine) + "\n" + text)) {
		if got = append(got, e.Event); len(got) == 1 {
			wantError(t, err, "line 1: not an event: longer than 1048576 bytes")
		}
	}
	if diff := cmp.Diff([]string{"", "start", "step", "", "", "step"}, got); diff != "" {
		t.Errorf("after a long line: %s", diff)
	}
}

func FuzzReadEvents(f *testing.F) {
	for _, s := range []string{"", "\n", `{"event":"step","step":1,"epoch":0,"loss":null,"terms":{"a":1e999}}` + "\n", "{\"event\":\"eval\",\"step\":1,\"epoch\":0,\"knn\":\"x\"}\n",
		"null\n", "{\"event\":\"end\",\"step\":-1}\n{", "[]\n\x00\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		for e, err := range ReadEvents(bytes.NewReader(data)) {
			n++
			if err != nil {
				continue
			}
			b, err := json.Marshal(e)
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			if back, err := parseEvent(b); err != nil || back.Event != e.Event || back.Step != e.Step {
				t.Fatalf("%s read again is %+v, error %v", b, back, err)
			}
		}
		if lines := bytes.Count(data, []byte("\n")); n > lines {
			t.Errorf("%d events in %d lines", n, lines)
		}
	})
}

// A probe is named by its path, which need not be UTF-8.
func TestProbeInOtherBytes(t *testing.T) {
	e := Event{Event: Eval, Probe: "caf\xe9", Of: OfBackbone}
	text, err := json.Marshal(e)
	must(t, err)
	back, err := parseEvent(text)
	must(t, err)
	if back.Probe != e.Probe {
		t.Errorf("%s is read as %q", text, back.Probe)
	}
}
