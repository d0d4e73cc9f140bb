// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReportOfAClustering(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	j := Job{Arm: Arm{Method: "scan", Set: []string{"clustering.method.entropy_weight=0"}}, Seed: 3}
	if j.finished(dir) || j.resume(dir) != nil {
		t.Error("an empty folder is finished, or begun")
	}
	write("cluster.json", "{}")
	if got := strings.Join(j.resume(dir), " "); got != "cluster --resume "+dir {
		t.Errorf("it goes on with %q", got)
	}
	write("clustering/metrics.jsonl", `{"event":"start","step":0,"steps":40}`+"\n"+`{"event":"end","step":40,"reason":"finished"}`+"\n")
	write("report.json", `{"event":"clusters","images":8,"classes":4,"purity":{"5":0.5,"20":0.4},"before":{"knn":0.3},
		"stages":[{"stage":"clustering","sizes":[4,4,0,0],"acc":0.6,"knn":0.35},{"stage":"selflabel","sizes":[8,0,0,0],"acc":0.1}]}`)
	if !j.finished(dir) {
		t.Error("with its report it is not finished")
	}
	trace, err := j.trace(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !trace.Run.Warm {
		t.Error("the clustering stage begins with trained weights")
	}
	for m, want := range map[Metric]float64{
		Purity: 0.4, KNNBefore: 0.3, KNNAfter: 0.35, Matched: 0.6, LargestShare: 0.5, ClustersUsed: 2,
	} {
		if got := trace.Last(m); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", m, got, want)
		}
	}
	p := Plan{Data: "images", Steps: 200}
	want := "cluster --data images --classes 10 --method simclr --preset lab --seed 3 --max-steps 200 --threads 1 " +
		"--out out --set clustering.method.entropy_weight=0"
	if got := strings.Join(p.Args(j, "out"), " "); got != want {
		t.Errorf("command\n%s\nwant\n%s", got, want)
	}
	p.Classes = 7
	if !slices.Contains(p.Args(j, "out"), "7") {
		t.Error("the number of clusters is not that of the classes")
	}
}
