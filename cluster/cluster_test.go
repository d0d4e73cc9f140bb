// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/dataset"
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

// Self-labelling can empty clusters whose images never had a high confidence. The summary says so, and where they are.
func TestLostClustersAreTold(t *testing.T) {
	source, err := dataset.Open("synthetic:4", dataset.Options{Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	for _, c := range []struct {
		sizes []int
		want  bool
	}{{[]int{2, 2}, false}, {[]int{4, 0}, true}} {
		k := &clustering{dir: "dir"}
		r := &report.Report{Images: 4, Classes: 2, Stages: []report.Assignment{
			{Stage: report.Clustering, Sizes: []int{3, 1}}, {Stage: report.SelfLabel, Sizes: c.sizes},
		}}
		out := strings.Join(k.summarize(r, source, nil), "\n")
		told := strings.Contains(out, "self-labelling kept 1 of 2 clusters")
		where := strings.Contains(out, "dir/clustering/clusters.csv has all clusters")
		if told != c.want || where != c.want {
			t.Errorf("sizes %v: told %v, where they are %v, want %v:\n%s", c.sizes, told, where, c.want, out)
		}
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
