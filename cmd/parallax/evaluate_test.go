// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/run"
)

// agrees FILE RUN OF: the kNN accuracies in the JSON of eval knn, of the untrained network and the trained one, are those
// of the run's first evaluation and its last.
func agrees(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: agrees FILE RUN OF")
	}
	var report evalReport
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &report))
	var said []float64
	for e, err := range run.ReadEvents(strings.NewReader(ts.ReadFile(args[1] + "/" + run.MetricsFile))) {
		ts.Check(err)
		if e.Event == run.Eval && e.Probe != run.GuardProbe && e.Of == args[2] {
			said = append(said, e.KNN.Value)
		}
	}
	want := map[string]float64{"untrained": said[0], "trained": said[len(said)-1]}
	got := map[string]float64{}
	for _, n := range report.Networks {
		for _, s := range n.KNN {
			if s.Headline {
				got[n.Network] = s.Top1.Value
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		ts.Fatalf("eval knn says %v, the run %v", got, want)
	}
}

// during FILE PATTERN ARGUMENTS... -- COMMAND...: while parallax runs with the arguments, and after the file matches the
// pattern, the command succeeds. The first one is then stopped.
func during(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	if neg || at < 3 || at+1 >= len(args) {
		ts.Fatalf("usage: during FILE PATTERN ARGUMENTS... -- COMMAND...")
	}
	p := begin(ts, args[0], args[1], args[2:at])
	defer func() {
		p.Process.Signal(syscall.SIGTERM)
		<-p.done
	}()
	ts.Check(ts.Exec(args[at+1], args[at+2:]...))
}

func TestGrid(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		own    eval.Vote
		images int
		ks     []int
		ts     []float64
		want   eval.Vote
	}{
		{eval.Vote{K: 20, Temperature: 0.07}, 1000, []int{1, 5, 10, 20, 50, 100, 200}, []float64{0.07, 0.1, 0.2, inf}, eval.Vote{K: 20, Temperature: 0.07}},
		{eval.Vote{K: 20, Temperature: 0.07}, 20, []int{1, 5, 10, 20}, []float64{0.07, 0.1, 0.2, inf}, eval.Vote{K: 20, Temperature: 0.07}},
		{eval.Vote{K: 20, Temperature: 0.07}, 12, []int{1, 5, 10, 12}, []float64{0.07, 0.1, 0.2, inf}, eval.Vote{K: 12, Temperature: 0.07}},
		{eval.Vote{K: 7, Temperature: 0.5}, 60, []int{1, 5, 7, 10, 20, 50}, []float64{0.07, 0.1, 0.2, 0.5, inf}, eval.Vote{K: 7, Temperature: 0.5}},
		{eval.Vote{K: 500, Temperature: 0.02}, 1, []int{1}, []float64{0.02, 0.07, 0.1, 0.2, inf}, eval.Vote{K: 1, Temperature: 0.02}},
	} {
		var want []eval.Vote
		for _, k := range c.ks {
			for _, temperature := range c.ts {
				want = append(want, eval.Vote{K: k, Temperature: temperature})
			}
		}
		got, own := grid(c.own, c.images)
		if !slices.Equal(got, want) || got[own] != c.want {
			t.Errorf("%+v of %d images: %v, its own %v", c.own, c.images, got, got[own])
		}
	}
}

// Accuracies and gains of two networks with two scores each, by hand; images without a label have no part in them.
func TestAccuracies(t *testing.T) {
	labels := []int{0, -1, 1, 1, -1, 0}
	predict := func(predictions ...int) []float64 {
		return hits(labels, func(i int) bool { return predictions[i] == labels[i] })
	}
	if got := predict(0, 0, 0, 1, 1, 1); !slices.Equal(got, []float64{1, 0, 1, 0}) {
		t.Errorf("hits %v, want 1 0 1 0", got)
	}
	e := &evaluating{evalFlags: &evalFlags{resamples: 200, seed: 3}, networks: make([]*embedded, 2)}
	right := [][]float64{predict(0, 0, 1, 1, 0, 0), predict(0, 0, 1, 1, 0, 1), predict(1, 0, 0, 0, 0, 1), predict(0, 0, 1, 0, 0, 1)}
	tops, gains := e.accuracies(right, 2, []int{1})
	for i, want := range []float64{1, 0.75, 0, 0.5} {
		if tops[i].Value != want || tops[i].Low > want || tops[i].High < want || tops[i].Low < 0 || tops[i].High > 1 {
			t.Errorf("score %d is %+v, want %g", i, tops[i], want)
		}
	}
	if len(gains) != 1 || gains[0].Value != 0.25 || gains[0].Low < -0.1 {
		t.Errorf("gains %+v: want 0.25, and hardly below 0, since no image became wrong", gains)
	}
	e.networks = e.networks[:1]
	if _, gains := e.accuracies(right[:2], 2, []int{1}); len(gains) != 0 {
		t.Errorf("one network gained %+v", gains)
	}
}

func TestScoreText(t *testing.T) {
	for s, want := range map[score]string{
		{0.5, 0.25, 1}:              "0.500 [0.250, 1.000]",
		{-0.0001, -0.25, 0.1}:       "0.000 [-0.250, 0.100]",
		{-0.01, -0.0104, -0.000499}: "-0.010 [-0.010, 0.000]",
	} {
		if got := s.String(); got != want {
			t.Errorf("%#v is %s, want %s", s, got, want)
		}
	}
}
