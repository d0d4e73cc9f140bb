// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// The lengths of a job: an evaluation falls on a checkpoint, between two of them, and on the end.
const (
	Steps     = 12
	SaveEvery = 2
	EvalEvery = 3
)

// settings make a run of half a second. An epoch has 6 steps, so a run has what methods do between epochs.
const settings = `data: {path: "synthetic:96", size: 16}
backbone: {name: resnet8, width: 4}
train: {batch: 16, max_steps: %d, threads: 1, workers: 1, log_every: 1, precision: float32, eval_every: %d,
  save_every: %d, keep: 2}
probe: {limit: 32}
`

// out is the run directory, below the folder of a case.
const out = "run"

// settingsFile is what a job's command line reads.
const settingsFile = "settings.yaml"

// A Job is a run that the program can make, and make again: a method's name, or Cluster.
type Job string

// Cluster is the job of the command cluster, with its three stages.
const Cluster Job = "cluster"

// Jobs are a job for every method, and the clustering.
func (p Program) Jobs(ctx context.Context) ([]Job, error) {
	methods, err := p.Methods(ctx)
	var jobs []Job
	for _, m := range methods {
		jobs = append(jobs, Job(m))
	}
	return append(jobs, Cluster), err
}

// Start is the command line that begins the job, with more flags.
func (j Job) Start(more ...string) []string {
	a := []string{"pretrain", "--method", string(j)}
	if j == Cluster {
		a = []string{"cluster", "--data", "synthetic:96", "--classes", "4", "--set", "clustering.method.heads=2",
			"--set", "selflabel.method.threshold=0.2"}
	}
	return append(append(a, "--config", settingsFile, "--preset", "tiny-cpu", "--out", out), more...)
}

// Resume is the command line that continues the job.
func (j Job) Resume() []string {
	command := "pretrain"
	if j == Cluster {
		command = string(Cluster)
	}
	return []string{command, "--resume", out}
}

// Prepare writes what the command line needs into an empty folder.
func (j Job) Prepare(folder string) error {
	text := fmt.Appendf(nil, settings, Steps, EvalEvery, SaveEvery)
	return os.WriteFile(filepath.Join(folder, settingsFile), text, 0o666)
}

// Dir is the job's output.
func (j Job) Dir(folder string) string { return filepath.Join(folder, out) }

// Runs are the run directories of the job below its output.
func (j Job) Runs() []string {
	if j == Cluster {
		return []string{"pretext", "clustering", "selflabel"}
	}
	return []string{""}
}

// Method is the method of one of the job's runs.
func (j Job) Method(run string) string {
	if j != Cluster {
		return string(j)
	}
	return map[string]string{"pretext": "simclr", "clustering": "scan", "selflabel": "scan-selflabel"}[run]
}

// Next is the command line that begins the job, or continues it if there is something to continue.
func (j Job) Next(folder string) []string {
	file := "config.yaml"
	if j == Cluster {
		file = "cluster.json"
	}
	if _, err := os.Stat(filepath.Join(j.Dir(folder), file)); err == nil {
		return j.Resume()
	}
	return j.Start()
}

// Finish continues the job until it ends with status 0, at most three times.
func (p Program) Finish(ctx context.Context, j Job, folder string) (Ending, error) {
	e, err := p.Run(ctx, folder, j.Next(folder)...)
	if err == nil && e.Status != 0 {
		err = fmt.Errorf("%v: %v", j.Next(folder), e)
	}
	return e, err
}

// Whole makes an unbroken run of the job in the folder, and returns what it left and how long it took.
func (p Program) Whole(ctx context.Context, j Job, folder string) (Traces, Ending, error) {
	if err := j.Prepare(folder); err != nil {
		return nil, Ending{}, err
	}
	e, err := p.Run(ctx, folder, j.Start()...)
	if err == nil && e.Status != 0 {
		err = fmt.Errorf("an unbroken run of %s: %v", j, e)
	}
	if err != nil {
		return nil, e, err
	}
	t, err := Read(j, folder)
	return t, e, err
}

// Few are the jobs that differ most in what they keep: a plain one, a momentum target, a queue, a clustering of the
// data, labels.
func Few(jobs []Job, n int) []Job {
	first := []Job{"byol", "deepclusterv2", "mocov2", "paws", "simclr", Cluster, "swav", "dino"}
	first = slices.DeleteFunc(first, func(j Job) bool { return !slices.Contains(jobs, j) })
	return first[:min(n, len(first))]
}
