// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

func TestNearlyBest(t *testing.T) {
	for _, c := range []struct {
		agreement []float64 // of 2, 3, 4 ... clusters
		want      int
	}{
		{[]float64{0.5}, 2},
		{[]float64{0.5, 0.8, 0.7}, 3},
		{[]float64{0.8, 0.795, 0.7}, 3},
		{[]float64{0.8, 0.795, 0.791}, 4},
		{[]float64{0.8, 0.795, 0.788}, 3},
		{[]float64{-0.1, 0, -0.2}, 3},
	} {
		var tried []report.Assignment
		for i, v := range c.agreement {
			a := report.Assignment{Classes: 2 + i}
			a.Agreement.ARI = v
			tried = append(tried, a)
		}
		if got := nearlyBest(tried).Classes; got != c.want {
			t.Errorf("of %v: %d clusters, want %d", c.agreement, got, c.want)
		}
	}
}

// The summary marks the stage whose clusters are kept, and says why self-labelling stopped.
func TestSummary(t *testing.T) {
	source, err := dataset.Open("synthetic:4", dataset.Options{Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	k := &clustering{dir: "dir"}
	r := &report.Report{Images: 4, Classes: 2, Best: report.Clustering, Stopped: "self-labelling stopped",
		Stages: []report.Assignment{
			{Stage: report.KMeans, Sizes: []int{2, 2}, Score: run.Num(0.5)},
			{Stage: report.Clustering, Sizes: []int{3, 1}, Score: run.Num(0.4)},
		}}
	out := strings.Join(k.summarize(r, source, nil), "\n")
	for _, want := range []string{
		"\nself-labelling stopped\n", "kmeans       0.500         2", "clustering   0.400         2",
		"2  <- clusters.csv\nscore:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the summary lacks %q:\n%s", want, out)
		}
	}
}

// The stage with the highest score is kept, k-means aside; of equal ones, and if one has no score, the last.
func TestBest(t *testing.T) {
	known, absent := run.Num, run.Number{}
	for _, c := range []struct {
		scores []run.Number
		want   int
	}{
		{[]run.Number{known(0.2)}, 0},
		{[]run.Number{known(0.2), known(0.3), known(0.25)}, 1},
		{[]run.Number{known(0.3), known(0.2), known(0.3)}, 2},
		{[]run.Number{absent, absent}, 1},
		{[]run.Number{known(0.9), absent}, 1},
	} {
		var stages []report.Assignment
		for i, score := range c.scores {
			stages = append(stages, report.Assignment{Stage: fmt.Sprint(i), Head: i, Score: score})
		}
		stages = append(stages, report.Assignment{Stage: report.KMeans, Head: -1, Score: known(1)})
		if got := best(stages).Head; got != c.want {
			t.Errorf("of %v: stage %d, want %d", c.scores, got, c.want)
		}
	}
}

// Heads find three separate groups of features from whatever starting weights, and take features as they are, not
// standardised.
func TestFitHeads(t *testing.T) {
	const n, width, groups = 300, 5, 3
	r := rand.New(rand.NewPCG(1, 1))
	centres := [groups][width]float64{}
	for g := range centres {
		for d := range width {
			centres[g][d] = 5 + 3*r.NormFloat64()
		}
	}
	var features []float64
	for i := range n {
		for d := range width {
			features = append(features, centres[i%groups][d]+0.1*r.NormFloat64())
		}
	}
	want, near := make([]int, n), make([][]int, n)
	for i := range n {
		want[i] = i % groups
		for j := 1; j <= 5; j++ {
			near[i] = append(near[i], (i+groups*j)%n)
		}
	}
	err := torch.Scope(func() error {
		h := torch.FromFloat64(features, n, width).To(torch.F32)
		m := method.NewSCAN()
		m.Classes, m.Heads, m.Neighbours = groups, 2, 5
		fit, err := fitHeads(h, near, m, 1)
		if err != nil {
			return err
		}
		if len(fit.clusters) != headTries || len(fit.states) != 2*headTries {
			t.Fatalf("%d heads and %d tensors", len(fit.clusters), len(fit.states))
		}
		if scores, err := eval.ScoreClusters(fit.clusters[0], want); err != nil || scores.ACC != 1 {
			t.Errorf("the best head: %+v, %v", scores, err)
		}
		if ari, _, err := agreement(fit.clusters); err != nil || ari < 0.5 {
			t.Errorf("the heads agree with ARI %v, %v", ari, err)
		}
		logits := h.MatMul(fit.states[0].Tensor().T()).Add(fit.states[1].Tensor())
		if got := logits.ArgMax(1).Ints(); !slices.Equal(got, fit.clusters[0]) {
			t.Error("the head gives other clusters of the features as they are")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The loss over all images and neighbours, by hand: confident images with neighbours in their own cluster and in the
// other.
func TestScanLoss(t *testing.T) {
	if err := torch.Scope(func() error {
		p := torch.FromFloat64([]float64{0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.1, 0.9}, 4, 2)
		together, apart := -math.Log(0.9*0.9+0.1*0.1), -math.Log(2*0.9*0.1)
		for _, c := range []struct {
			near [][]int
			want float64
		}{
			{[][]int{{1}, {0}, {3}, {2}}, together},
			{[][]int{{2}, {3}, {0}, {1}}, apart},
			{[][]int{{1, 2}, {0, 3}, {3, 0}, {2, 1}}, (together + apart) / 2},
		} {
			if got, want := scanLoss(p, c.near, 5), c.want-5*math.Log(2); math.Abs(got-want) > 1e-12 {
				t.Errorf("neighbours %v: %.12g, want %.12g", c.near, got, want)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// Neighbours are read back as they were written, but not if they are of other data or another encoder.
func TestNeighboursFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), neighboursFile)
	about := map[string]string{"data": "a", "encoder": "b"}
	if near, err := readNeighbours(path, about); near != nil || err != nil {
		t.Errorf("of no file: %v, %v", near, err)
	}
	if err := writeNeighbours(path, [][]int{{1, 2}, {0, 2}, {1, 0}}, about); err != nil {
		t.Fatal(err)
	}
	near, err := readNeighbours(path, about)
	if err != nil || len(near) != 3 || near[2][0] != 1 || near[1][1] != 2 {
		t.Errorf("%v, %v", near, err)
	}
	if near, err := readNeighbours(path, map[string]string{"data": "other"}); near != nil || err != nil {
		t.Errorf("of other data: %v, %v", near, err)
	}
	if err := os.WriteFile(path, []byte("nothing of the kind"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := readNeighbours(path, about); err == nil {
		t.Error("a damaged file is read")
	}
}

// A clustering whose process died before it had a plan leaves half a file, and can begin again in the same folder.
func TestCreateAfterACrash(t *testing.T) {
	dir := t.TempDir()
	half := filepath.Join(dir, "."+report.PlanFile+".parallax-tmp-1-x")
	if err := os.WriteFile(half, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := (&Plan{Data: "photos", Classes: []int{2}}).Create(dir); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != report.PlanFile {
		t.Errorf("it left %v, %v", entries, err)
	}
}
