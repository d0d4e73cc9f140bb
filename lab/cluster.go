// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/run"
)

// SCAN is not trained by one run: parallax cluster trains a pretext, here SimCLR, and clusters by its neighbours in a second
// stage. So an arm of this method is that command, its trace that of the clustering stage, and what its report says besides.
const (
	clusterMethod  = "scan"
	clusterPretext = "simclr"
	clusterStage   = "clustering"  // the folder of the second stage
	clusterReport  = "report.json" // what the command ends with
	usualClusters  = 10            // where the images have no labels that would say how many there are
)

// stages is how many runs the arm makes, one after the other: of a clustering the pretext, the clustering and self-labelling.
func (a Arm) stages() float64 {
	if a.Method == clusterMethod {
		return 3
	}
	return 1
}

// command is what makes the job, with the arguments that depend on what it is.
func (p Plan) command(j Job) []string {
	if j.Arm.Method == clusterMethod {
		classes := p.Classes
		if classes < 2 {
			classes = usualClusters
		}
		return []string{"cluster", "--data", p.Data, "--classes", strconv.Itoa(classes), "--method", clusterPretext}
	}
	return []string{"pretrain", "--data", p.Data, "--method", j.Arm.Method}
}

// resume is the command that goes on with the job in dir, nil when it was not begun.
func (j Job) resume(dir string) []string {
	command, file := "pretrain", run.ConfigFile
	if j.Arm.Method == clusterMethod {
		command, file = "cluster", "cluster.json"
	}
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		return nil
	}
	return []string{command, "--resume", dir}
}

// finished says whether the job in dir has come to its end.
func (j Job) finished(dir string) bool {
	if j.Arm.Method == clusterMethod {
		_, err := os.Stat(filepath.Join(dir, clusterReport))
		return err == nil
	}
	all, err := run.List(dir)
	return err == nil && len(all) == 1 && all[0].Status == run.StatusEnded
}

// trace reads what the job in dir measured.
func (j Job) trace(dir string) (*Trace, error) {
	if j.Arm.Method != clusterMethod {
		r, events, err := history.Read(dir)
		return &Trace{Run: r, Events: events}, err
	}
	r, events, err := history.Read(filepath.Join(dir, clusterStage))
	if err != nil {
		return nil, err
	}
	// It begins with the pretext's weights, so that features no better than at its start are no failure.
	r.Warm = true
	t := &Trace{Run: r, Events: events, Curves: map[Metric][]XY{}}
	return t, t.addReport(filepath.Join(dir, clusterReport))
}

// addReport adds the numbers of a clustering's report to the trace, at its last step.
func (t *Trace) addReport(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var report struct {
		Images int                   `json:"images"`
		Purity map[string]run.Number `json:"purity"`
		Before struct {
			KNN run.Number `json:"knn"`
		} `json:"before"`
		Stages []struct {
			Stage string     `json:"stage"`
			Sizes []int      `json:"sizes"`
			ACC   run.Number `json:"acc"`
			KNN   run.Number `json:"knn"`
		} `json:"stages"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	end := 0.0
	if n := len(t.Events); n > 0 {
		end = float64(t.Events[n-1].Step)
	}
	add := func(m Metric, v run.Number) {
		if v.Known {
			t.Curves[m] = []XY{{end, v.Value}}
		}
	}
	add(Purity, report.Purity["20"])
	add(KNNBefore, report.Before.KNN)
	for _, s := range report.Stages {
		if s.Stage != clusterStage {
			continue
		}
		add(KNNAfter, s.KNN)
		add(Matched, s.ACC)
		largest, used := spread(s.Sizes)
		add(LargestShare, largest)
		add(ClustersUsed, used)
	}
	return nil
}

// spread is the share of the largest size, and exp of the sizes' entropy; absent where all are 0.
func spread(sizes []int) (largest, used run.Number) {
	total, entropy, most := 0, 0.0, 0
	for _, n := range sizes {
		total, most = total+n, max(most, n)
	}
	if total == 0 {
		return run.Number{}, run.Number{}
	}
	for _, n := range sizes {
		if p := float64(n) / float64(total); p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return run.Num(float64(most) / float64(total)), run.Num(math.Exp(entropy))
}
