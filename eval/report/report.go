// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
)

// Report is the result of an evaluation. Its JSON is what parallax eval --json prints.
type Report struct {
	Evaluation string     `json:"evaluation"` // the probe's name
	Protocol   string     `json:"protocol"`   // how the numbers come about
	Run        string     `json:"run"`
	Method     string     `json:"method,omitempty"`
	Step       run.Number `json:"step,omitzero"` // absent for a file
	Checkpoint string     `json:"checkpoint,omitempty"`
	Of         string     `json:"of"`    // backbone or embedding
	Width      int        `json:"width"` // of a row of features
	Size       int        `json:"size"`  // side in pixels of the images that enter the network
	// Preprocessing says how images are made ready for the first network; each other one takes them as it was trained.
	Preprocessing string     `json:"preprocessing"`
	Data          string     `json:"data"`
	Bank          ImageSet   `json:"bank"`   // images for neighbours, classifiers and centroids
	Tested        ImageSet   `json:"tested"` // images for the scores
	Classes       int        `json:"classes,omitempty"`
	Largest       run.Number `json:"largest_class,omitzero"` // the accuracy of always answering the largest class
	Chance        *Chance    `json:"chance,omitempty"`       // what an accuracy needs no features for
	LeftOut       int        `json:"left_out,omitempty"`     // tested images that no accuracy counts
	Lacking       []string   `json:"lacking,omitempty"`      // their classes, of which the bank has no image
	Overlap       int        `json:"overlap,omitempty"`      // tested images that are also in the bank
	Clusters      int        `json:"clusters,omitempty"`
	Confidence    float64    `json:"confidence"`
	Resamples     int        `json:"resamples"`
	Seed          uint64     `json:"seed"`
	Networks      []Network  `json:"networks"`
	Gain          []Gain     `json:"gain,omitempty"` // of the first network over each other
	Rows          []Row      `json:"rows"`           // the scores of every network, in the form that all probes share
	Notes         []string   `json:"notes,omitempty"`
}

// Chance holds the accuracies that need no features.
type Chance struct {
	Majority float64 `json:"majority"` // of always answering with the bank's largest class
	Uniform  float64 `json:"uniform"`  // of guessing among the classes of the bank
	Classes  int     `json:"classes"`  // of the bank
}

// ImageSet is a part of the images.
type ImageSet struct {
	Split    string `json:"split"`
	Images   int    `json:"images"`
	Labelled int    `json:"labelled"`
}

// Network holds the scores of one network.
type Network struct {
	// Network is trained, untrained ("at the start" for a run that began with weights), or what it is compared with.
	Network string       `json:"network"`
	KNN     []KNNScore   `json:"knn,omitempty"`
	Linear  []FitScore   `json:"linear,omitempty"`
	KMeans  *KMeansScore `json:"cluster,omitempty"`
	// Robustness has the accuracies for each kind of corruption.
	Robustness []CorruptionScore `json:"robustness,omitempty"`
}

// Score is a score with its confidence interval.
type Score struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func (s Score) String() string {
	return strings.ReplaceAll(fmt.Sprintf("%.3f [%.3f, %.3f]", s.Value, s.Low, s.High), "-0.000", "0.000")
}

// half is half the width of the interval.
func (s Score) half() float64 { return (s.High - s.Low) / 2 }

// within clips the interval to the possible values.
func within(i eval.Interval, low, high float64) Score {
	return Score{i.Value, max(i.Low, low), min(i.High, high)}
}

// Gain is how much more the first network scores than another: a paired comparison, on the same images or draws.
type Gain struct {
	Of   string `json:"of"`
	Over string `json:"over"` // the other network
	Row  string `json:"row"`  // the Row.Name of the score
	Score
}

// KNNScore is the accuracy of a vote of the nearest neighbours.
type KNNScore struct {
	K           int        `json:"k"`
	Temperature run.Number `json:"temperature,omitzero"` // absent for a majority vote
	Top1        Score      `json:"top1"`
	Headline    bool       `json:"headline,omitempty"`
}

// FitScore is the accuracy of a linear classifier.
type FitScore struct {
	Fit     string  `json:"fit"` // ridge, sgd or lbfgs
	Top1    Score   `json:"top1"`
	Top5    *Score  `json:"top5,omitempty"` // with more than five classes
	Setting string  `json:"setting"`        // lambda, rate or penalty
	Chosen  float64 `json:"chosen"`         // with several seeds, that of the first
	HeldOut float64 `json:"held_out"`       // accuracy on the held-out training images, by which the setting was chosen
}

// KMeansScore measures how well k-means finds the classes.
type KMeansScore struct {
	ACC        *Score     `json:"acc,omitempty"`
	NMI        *Score     `json:"nmi,omitempty"`
	ARI        *Score     `json:"ari,omitempty"`
	Silhouette run.Number `json:"silhouette,omitzero"`
	Inertia    float64    `json:"inertia"` // of the test rows; scikit-learn's is of the rows that it fits
	Sizes      []int      `json:"sizes"`
}

// begin starts the report with the subject of the evaluation.
func (e *evaluating) begin(p Probe) *Report {
	s, c := e.subject, e.Config
	r := &Report{
		Evaluation: p.Name, Protocol: p.protocol(e), Run: s.path, Method: c.Method.Name, Checkpoint: s.checkpoint,
		Of: e.Of, Preprocessing: preprocessing(c.Data.Size, c.Data.Normalize()),
		Size: c.Data.Size, Data: c.Data.Path,
		Classes: e.Probes[0].Classes, Confidence: eval.Confidence, Resamples: e.Resamples, Seed: e.Seed,
		Notes: slices.Clone(s.notes),
	}
	if !s.file {
		r.Step = run.Num(float64(s.step))
	}
	r.Notes = append(r.Notes, e.Sources[0].Summary())
	r.Notes = append(r.Notes, e.Sources[0].Remarks()...)
	if side, err := e.Sources[0].ViewSize(); err == nil && side < c.Data.Size && side < 64 {
		r.Notes = append(r.Notes, fmt.Sprintf("the images are about %d px wide and the network was trained on %d px: "+
			"they are enlarged", side, c.Data.Size))
	}
	return r
}

// describe adds the images to the report.
func (r *Report) describe(e *evaluating, bank, tested *dataset.Loader) {
	n, unread := e.compared[0], 0
	count := func(of *ImageSet, labels []int, from *dataset.Loader) {
		of.Images = len(labels)
		for _, label := range labels {
			if label >= 0 {
				of.Labelled++
			}
		}
		unread += visited(from) - of.Images
	}
	count(&r.Bank, n.bank.labels, bank)
	count(&r.Tested, n.tested.labels, tested)
	if bank == tested {
		unread /= 2
	}
	if unread > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("images that could not be read and were left out: %d", unread))
	}
	r.Width = n.bank.rows.Size(1)
	if r.Tested.Labelled > 0 {
		counts := make([]int, r.Classes)
		for _, label := range n.tested.labels {
			if label >= 0 {
				counts[label]++
			}
		}
		r.Largest = run.Num(float64(slices.Max(counts)) / float64(r.Tested.Labelled))
	}
}

// Text returns the report as text for people.
func (r *Report) Text() string {
	var b strings.Builder
	line := func(format string, values ...any) {
		b.WriteString(strings.TrimRight(printable.Text(fmt.Sprintf(format, values...)), " ") + "\n")
	}
	subject, images := r.about()
	line("%s", subject)
	line("%s", images)
	for _, note := range r.Notes {
		line("%s", note)
	}
	line("")
	switch r.Evaluation {
	case "knn":
		r.knnText(line)
	case "linear":
		r.linearText(line)
	case "cluster":
		r.clusterText(line)
	}
	if len(r.Networks) == 0 || r.Networks[0].plain() || r.seeded() {
		r.table(line)
	}
	if r.Tested.Labelled > 0 {
		over := fmt.Sprintf("from %d bootstrap resamples of the images tested", r.Resamples)
		if len(r.Rows) > 0 && r.Rows[0].By == byDraws {
			over = "over draws, by Student's t"
		}
		line("")
		line("[low, high]: %.0f %% confidence, %s", 100*r.Confidence, over)
	}
	line("protocol: %s; images: %s", r.Protocol, r.Preprocessing)
	return b.String()
}

func (r *Report) knnText(line func(string, ...any)) {
	for _, n := range r.Networks {
		line("kNN accuracy, %s (± half the width of its interval)", n.Network)
		header, row, at := "     k", "", 0
		for _, s := range n.KNN {
			if s.K == n.KNN[0].K {
				column := "majority"
				if s.Temperature.Known {
					column = fmt.Sprintf("T %g", s.Temperature.Value)
				}
				header += fmt.Sprintf("  %-14s", column)
			}
		}
		line("%s", header)
		for _, s := range n.KNN {
			if s.K != at {
				if at > 0 {
					line("%s", row)
				}
				row, at = fmt.Sprintf("%6d", s.K), s.K
			}
			mark := " "
			if s.Headline {
				mark = "*"
			}
			row += fmt.Sprintf("  %.3f ±%.3f %s", s.Top1.Value, s.Top1.half(), mark)
		}
		line("%s", row)
		line("")
	}
	for _, n := range r.Networks {
		for _, s := range n.KNN {
			if s.Headline {
				line("%-*s  %s  * k %d, T %g", r.wide(), n.Network, s.Top1, s.K, s.Temperature.Value)
			}
		}
	}
	for _, g := range r.Gain {
		line("%-*s  %s", r.wide(), r.gained(g), g.Score)
	}
	line("%-*s  %.3f", r.wide(), "chance", r.Chance.best())
}

// best is the better of the accuracies by chance.
func (c *Chance) best() float64 { return max(c.Majority, c.Uniform) }

func (r *Report) linearText(line func(string, ...any)) {
	top5, head := false, ""
	for _, f := range r.Networks[0].Linear {
		top5 = top5 || f.Top5 != nil
	}
	if top5 {
		head = "top-5"
	}
	line("%-*s  %-5s  %-22s  %-22s  %s", r.wide(), "", "", "top-1", head, "chosen on images held out")
	for _, n := range r.Networks {
		for _, f := range n.Linear {
			second := ""
			if f.Top5 != nil {
				second = f.Top5.String()
			}
			line("%-*s  %-5s  %-22s  %-22s  %s %g (%.3f)", r.wide(), n.Network, f.Fit, f.Top1, second, f.Setting,
				f.Chosen, f.HeldOut)
		}
	}
	for _, g := range r.Gain {
		line("%-*s  %-5s  %s", r.wide(), r.gained(g), g.Of, g.Score)
	}
	line("%-*s  %-5s  %.3f", r.wide(), "chance", "", r.Chance.best())
}

func (r *Report) clusterText(line func(string, ...any)) {
	scores := func(all ...*Score) string {
		text := ""
		for _, s := range all {
			if s != nil {
				text += fmt.Sprintf("%-22s  ", *s)
			}
		}
		return text
	}
	head := ""
	if r.Networks[0].KMeans.ACC != nil {
		head = fmt.Sprintf("%-22s  %-22s  %-22s  ", "ACC", "NMI", "ARI")
	}
	line("%-*s  %ssilhouette  inertia", r.wide(), fmt.Sprintf("%d clusters", r.Clusters), head)
	for _, n := range r.Networks {
		k := n.KMeans
		silhouette := "-"
		if k.Silhouette.Known {
			silhouette = fmt.Sprintf("%.3f", k.Silhouette.Value)
		}
		line("%-*s  %s%-10s  %.5g", r.wide(), n.Network, scores(k.ACC, k.NMI, k.ARI), silhouette, k.Inertia)
	}
	for i := 0; i+2 < len(r.Gain); i += 3 {
		g := r.Gain[i:]
		line("%-*s  %s", r.wide(), r.gained(g[0]), scores(&g[0].Score, &g[1].Score, &g[2].Score))
	}
	line("")
	for _, n := range r.Networks {
		sizes := slices.Sorted(slices.Values(n.KMeans.Sizes))
		slices.Reverse(sizes)
		shown := strings.Trim(fmt.Sprint(sizes[:min(len(sizes), mostSizes)]), "[]")
		if left := len(sizes) - mostSizes; left > 0 {
			shown += fmt.Sprintf(" and %d smaller ones", left)
		}
		line("sizes, %s: %s", n.Network, shown)
	}
}

// mostSizes is how many cluster sizes are printed; the JSON has all.
const mostSizes = 20
