// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/torch"
)

// fewShotDraws is over how many draws of images a few-shot accuracy is usually a mean.
const fewShotDraws = 5

// fewShot is how many images a classifier learns from: of each class, or as a share of all.
type fewShot struct {
	shots int
	share float64
}

// fewShots are the settings of the literature: 1, 5 and 10 of each class; 1 % and 10 % (SimCLR, section 4.2).
var fewShots = []fewShot{{shots: 1}, {shots: 5}, {shots: 10}, {share: 0.01}, {share: 0.1}}

func (f fewShot) String() string {
	switch {
	case f.share > 0:
		return fmt.Sprintf("%g %% of the images", 100*f.share)
	case f.shots == 1:
		return "1 image a class"
	}
	return fmt.Sprintf("%d images a class", f.shots)
}

// draw returns the rows of a bank to learn from, or nil if a class has too few. A share is of every class, at least one
// image.
func (f fewShot) draw(labels []int, r *rand.Rand) (rows []int) {
	classes := map[int][]int{}
	for row, label := range labels {
		if label >= 0 {
			classes[label] = append(classes[label], row)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		of, n := classes[class], f.shots
		if f.share > 0 {
			n = max(1, int(f.share*float64(len(of))+0.5))
		}
		if n > len(of) {
			return nil
		}
		r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		rows = append(rows, of[:n]...)
	}
	return rows
}

// evalFewShot is eval fewshot. The draws are the same for every network, so a gain is a paired comparison over draws.
func evalFewShot(e *evaluating) error {
	r := e.report
	labels, err := e.answerable()
	if err != nil {
		return err
	}
	draws := e.seeds(fewShotDraws)
	for _, setting := range fewShots {
		all, learnt := tally{repetitions: draws}, 0
		for draw := range draws {
			rows := setting.draw(e.compared[0].bank.labels, e.repeated(draw, forDraws))
			if learnt = len(rows); learnt == 0 {
				break
			}
			for i, n := range e.compared {
				all.add(i, n.few(rows, labels, r.Classes))
			}
		}
		if learnt == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("not measured: %s, because a class of the bank has fewer", setting))
			continue
		}
		e.drawn(fmt.Sprintf("%s (%d)", setting, learnt), all.values)
	}
	if len(r.Rows) == 0 {
		return errors.New("no class has an image to learn from")
	}
	return nil
}

// few fits a classifier to some rows of the bank and returns its hits among the tested images.
func (n *embedded) few(rows, labels []int, classes int) []float64 {
	var ranks []int
	known := make([]int, len(rows))
	for i, row := range rows {
		known[i] = n.bank.labels[row]
	}
	torch.Nested(func() {
		h := n.bank.rows.IndexSelect(0, torch.FromInts(rows, len(rows)))
		c := eval.Regression(h, known, classes, 1/float64(len(rows)), n.bank.rows)
		ranks = c.Ranks(n.tested.rows, labels)
	})
	return hits(labels, func(i int) bool { return ranks[i] == 0 })
}

// drawn adds a score that is a mean over draws, of every network, and its gains.
func (e *evaluating) drawn(name string, values [][]float64) {
	var gains []Score
	for i, n := range e.compared {
		row := Row{Name: name, Network: n.name, Value: mean(values[i])}
		if s := spread(values[i], 0); s != nil {
			row.Value, row.Interval, row.By, row.Seeds = s.Mean, &[2]float64{s.Low, s.High}, byDraws, s
		}
		e.report.Rows = append(e.report.Rows, row)
		if i == 0 {
			continue
		}
		difference := make([]float64, len(values[i]))
		for draw, v := range values[i] {
			difference[draw] = values[0][draw] - v
		}
		if s := spread(difference, -1); s != nil {
			gains = append(gains, Score{s.Mean, s.Low, s.High})
		}
	}
	e.gained(gains, []string{name}, []string{name})
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
