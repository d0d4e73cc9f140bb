// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/run"
)

// SCAN takes more than one run: parallax cluster trains a pretext, here SimCLR, and then clusters by its neighbours. An
// arm of SCAN is that command. Its trace is that of the clustering stage, with numbers from the command's report.
const (
	clusterMethod  = "scan"
	clusterPretext = "simclr"
	usualClusters  = 10 // if the images have no labels, whose classes would give the number
)

// stages returns the number of runs that the arm makes, one after the other. A clustering has three: the pretext, the
// clustering and self-labelling.
func (a Arm) stages() float64 {
	if a.Method == clusterMethod {
		return 3
	}
	return 1
}

// command returns the command that makes the job, with the arguments that depend on its method.
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

// resume returns the command that resumes the job in dir, or nil if the job was not begun.
func (j Job) resume(dir string) []string {
	command, file := "pretrain", run.ConfigFile
	if j.Arm.Method == clusterMethod {
		command, file = "cluster", report.PlanFile
	}
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		return nil
	}
	return []string{command, "--resume", dir}
}

// finished says whether the job in dir has ended.
func (j Job) finished(dir string) bool {
	if j.Arm.Method == clusterMethod {
		_, err := os.Stat(filepath.Join(dir, report.File))
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
	r, events, err := history.Read(filepath.Join(dir, report.Clustering))
	if err != nil {
		return nil, err
	}
	// The stage begins with the pretext's weights. Features that are no better than at its start are no failure.
	r.Warm = true
	t := &Trace{Run: r, Events: events, Curves: map[Metric][]XY{}}
	all, err := report.Read(dir)
	if err != nil {
		return nil, err
	}
	t.addReport(all)
	return t, nil
}

// addReport adds the numbers of a clustering's report to the trace, at the last step.
func (t *Trace) addReport(r *report.Report) {
	end := 0.0
	if n := len(t.Events); n > 0 {
		end = float64(t.Events[n-1].Step)
	}
	add := func(m Metric, v run.Number) {
		if v.Known {
			t.Curves[m] = []XY{{end, v.Value}}
		}
	}
	add(Purity, r.Purity["20"])
	add(KNNBefore, r.Before.KNN)
	for _, s := range r.Stages {
		if s.Stage != report.Clustering {
			continue
		}
		add(KNNAfter, s.KNN)
		add(Matched, s.ACC)
		largest, used := spread(s.Sizes)
		add(LargestShare, largest)
		add(ClustersUsed, used)
	}
}

// spread returns the share of the largest size, and exp of the sizes' entropy. Both are absent if all sizes are 0.
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
