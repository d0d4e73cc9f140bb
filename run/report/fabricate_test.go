// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/cosine"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
)

// recorded is the config of a run on synthetic:60.
//
//go:embed testdata/config.yaml
var recorded string

// made is what a run directory is made of.
type made struct {
	name    string // of the folder
	config  string
	events  []run.Event
	samples []*features.Sample
	bad     []dataset.BadImage
	notes   string
}

// lastStep is the last step of a fabricated run.
const lastStep = 40

// good is a healthy run, and an unlabelled data set's if so.
func good(t testing.TB) *made {
	t.Helper()
	m := &made{name: "simsiam-1", config: recorded}
	m.events = []run.Event{{Event: run.Start, Method: "simsiam", Steps: lastStep, Causes: "no stop-gradient",
		Constant: &collapse.ConstantLoss{Value: run.Num(-1), Minimum: true}}}
	for step := range lastStep + 1 {
		if step > 0 {
			m.events = append(m.events, run.Event{Event: run.StepEnd, Step: step, Metrics: map[string]run.Number{
				run.Loss: run.Num(-0.9 * float64(step) / lastStep), run.Rate: run.Num(0.1),
				run.ImagesPerSecond: run.Num(32)},
				Terms:     map[string]run.Number{"cosine": run.Num(0.5)},
				Gradients: map[string]run.Number{"backbone": run.Num(2)}})
		}
		if step%10 == 0 {
			m.evaluate(step, "synthetic:60", 0.1+0.02*float64(step))
			m.evaluate(step, run.GuardProbe, 0)
		}
	}
	m.events = append(m.events, run.Event{Event: run.Saved, Step: 30, File: "checkpoints/step-00000030", Best: true},
		run.Event{Event: run.End, Step: lastStep, Reason: run.Finished})
	data, err := dataset.Open("synthetic:60", dataset.Options{Split: dataset.SplitTest, Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	for _, step := range []int{0, lastStep} {
		r := rand.New(rand.NewPCG(7, uint64(step)))
		s := &features.Sample{Step: step, Data: "synthetic:60", Split: dataset.SplitTest, Width: 8,
			Classes: map[int]string{}, Spectrum: []float64{4, 2, 1, 0.5}}
		for i := range data.Len() {
			label := data.Label(i)
			s.Classes[label] = data.Classes[label]
			s.Images = append(s.Images, features.Image{Index: i, Name: data.Name(i), Label: label})
			for j := range s.Width {
				v := 0.3 * r.NormFloat64()
				if step > 0 && j == label%s.Width {
					v++
				}
				s.Rows = append(s.Rows, float32(v))
			}
		}
		m.samples = append(m.samples, s)
	}
	return m
}

// evaluate adds an evaluation. Embeddings keep to all directions.
func (m *made) evaluate(step int, probe string, knn float64) {
	spread := map[string]run.Number{run.Std: run.Num(0.95), run.MeanCosine: run.Num(0.05),
		run.EffectiveRank:      run.Num(40),
		run.ParticipationRatio: run.Num(20), run.RankMe: run.Num(41), run.TopShare: run.Num(0.1)}
	h := run.Event{Event: run.Eval, Step: step, Probe: probe, Of: run.OfBackbone, Rows: 12, Dims: 64}
	z := h
	z.Of, h.Metrics, z.Metrics = run.OfEmbedding, map[string]run.Number{run.RankMe: run.Num(33)}, spread
	if knn > 0 {
		h.Set(run.KNN, run.Num(knn))
		h.Set(run.Linear, run.Num(knn/2))
		m.events = append(m.events, h)
	}
	m.events = append(m.events, z)
}

// write makes the run directory.
func (m *made) write(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), m.name)
	must(t, os.MkdirAll(dir, 0o777))
	if m.config != "" {
		must(t, os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte(m.config), 0o666))
	}
	must(t, os.WriteFile(filepath.Join(dir, run.MetricsFile), lines(t, m.events), 0o666))
	if len(m.bad) > 0 {
		must(t, os.WriteFile(filepath.Join(dir, run.QuarantineFile), lines(t, m.bad), 0o666))
	}
	if m.notes != "" {
		must(t, os.WriteFile(filepath.Join(dir, notesFile), []byte(m.notes), 0o666))
	}
	for _, s := range m.samples {
		must(t, features.Save(dir, s))
	}
	return dir
}

func lines[T any](t testing.TB, all []T) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, one := range all {
		text, err := json.Marshal(one)
		must(t, err)
		b.Write(append(text, '\n'))
	}
	return b.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// simSiam is the method of fabricated runs.
var simSiam = Method{Title: "SimSiam",
	Paper:    "Chen & He: Exploring Simple Siamese Representation Learning. CVPR 2021, arXiv:2011.10566",
	Equation: "L = ½ D(p¹, sg(z²))", Collapse: "a stop-gradient"}

// report writes the report of a run directory.
func write(t testing.TB, dir string, o Options) string {
	t.Helper()
	var b bytes.Buffer
	must(t, Write(context.Background(), &b, dir, o))
	return b.String()
}

// purity is the share of the k nearest others of every row that have its label, computed from all pairs.
func purity(s *features.Sample, k int) float64 {
	sum := 0.0
	for i := range s.Images {
		taken := map[int]bool{i: true}
		for range k {
			best, most := -1, math.Inf(-1)
			for j := range s.Images {
				if c := cosine.Of(s.Row(i), s.Row(j)); !taken[j] && c > most {
					best, most = j, c
				}
			}
			if taken[best] = true; s.Images[best].Label == s.Images[i].Label {
				sum += 1 / float64(k*len(s.Images))
			}
		}
	}
	return sum
}

// huge is a text of so many bytes that is no text.
func huge(n int) string { return strings.Repeat("<b>\u202e\x00&\"'", n/10) }
