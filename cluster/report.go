// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/number"
	"github.com/parallax-ssl/parallax/internal/sheet"
	"github.com/parallax-ssl/parallax/run"
)

// The size of a cluster's contact sheet, which shows its most confident images row by row.
const (
	sheetRows    = 5
	sheetColumns = 8
)

// sorted is an image with its cluster.
type sorted struct {
	image, cluster int
	confidence     float64
}

// report writes the files of the result.
func (k *clustering) report(classes int, stages []string) (*Result, error) {
	r := &report.Report{Event: "clusters", Classes: classes}
	if err := readJSON(filepath.Join(k.in(report.Clustering), beforeFile), &r.Before); err != nil {
		return nil, err
	}
	for _, stage := range stages {
		var a report.Assignment
		if err := readJSON(filepath.Join(k.of(stage, classes), assignmentFile), &a); err != nil {
			return nil, err
		}
		r.Stages = append(r.Stages, a)
	}
	r.Stopped, _ = k.stopped()
	var b basis
	heads := filepath.Join(k.dir, fmt.Sprintf(headsFile, classes))
	if found, err := b.read(heads, nil); err != nil {
		return nil, err
	} else if found {
		r.Premise = &b.premise
	}
	chosen := best(r.Stages)
	r.Best = chosen.Stage
	source, err := sourceOf(k.in(report.Clustering))
	if err != nil {
		return nil, err
	}
	defer source.Close()
	text, err := os.ReadFile(filepath.Join(k.in(r.Best), report.ClustersFile))
	if err != nil {
		return nil, err
	}
	all, err := readClusters(string(text), source, classes)
	if err != nil {
		return nil, err
	}
	r.Images = len(all)
	if err := k.purity(r, source); err != nil {
		return nil, err
	}
	asIs := func(w io.Writer) error { _, err := w.Write(text); return err }
	if err := run.WriteFile(filepath.Join(k.dir, report.ClustersFile), asIs); err != nil {
		return nil, err
	}
	if err := run.WriteFile(filepath.Join(k.dir, report.File), run.JSON(r)); err != nil {
		return nil, err
	}
	if err := k.sheets(source, all, classes); err != nil {
		return nil, err
	}
	return &Result{r, k.summarize(r, source, all)}, nil
}

// best returns the assignment with the highest score, k-means aside; of equal ones, and if one has no score, the last.
func best(stages []report.Assignment) (b report.Assignment) {
	for _, a := range stages {
		if a.Stage == report.KMeans {
			continue
		}
		if b.Stage == "" || !a.Score.Known || !b.Score.Known || a.Score.Value >= b.Score.Value {
			b = a
		}
	}
	return b
}

// sourceOf opens the images as a run saw them.
func sourceOf(dir string) (*dataset.Source, error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	values, err := config.Values(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	for _, v := range values {
		of[v.Path] = v.Text
	}
	size, _ := strconv.Atoi(of["data.size"])
	o := dataset.Options{Split: of["data.split"], Labels: of["data.labels"], Channels: of["data.channels"], Size: size}
	images, _ := strconv.Atoi(of["data.images"])
	source, _, err := dataset.OpenAgain(of["data.path"], o, images)
	return source, err
}

// readClusters reads clusters.csv.
func readClusters(text string, source *dataset.Source, classes int) ([]sorted, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", report.ClustersFile, err)
	}
	image := make(map[string]int, source.Len())
	for i := range source.Len() {
		image[source.Name(i)] = i
	}
	var all []sorted
	for line, record := range records[min(1, len(records)):] {
		i, known := image[record[0]]
		cluster, err := strconv.Atoi(record[1])
		confidence, err2 := strconv.ParseFloat(record[2], 64)
		if !known || err != nil || err2 != nil || cluster < 0 || cluster >= classes {
			return nil, fmt.Errorf("reading %s, line %d: %q is not an image of the data with its cluster",
				report.ClustersFile, line+2, record)
		}
		all = append(all, sorted{i, cluster, confidence})
	}
	return all, nil
}

// purity measures how many neighbours have an image's own label, if the images have labels.
func (k *clustering) purity(r *report.Report, source *dataset.Source) error {
	if len(source.Classes) == 0 {
		return nil
	}
	near, err := readNeighbours(filepath.Join(k.dir, neighboursFile), nil)
	if err != nil || near == nil {
		return err
	}
	labels := make([]int, source.Len())
	for i := range labels {
		labels[i] = source.Label(i)
	}
	r.Purity = map[string]run.Number{}
	for _, n := range []int{5, 20, widest} {
		r.Purity[strconv.Itoa(n)] = number.OrAbsent(eval.Purity(near, labels, n))
	}
	return nil
}

// sheets draws every cluster's most confident images.
func (k *clustering) sheets(source *dataset.Source, all []sorted, classes int) error {
	folder := filepath.Join(k.dir, report.ContactFolder)
	old, err := filepath.Glob(filepath.Join(folder, "cluster-*.png")) // of an earlier report
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return run.Output("removing the contact sheets of an earlier report", err)
		}
	}
	if err := run.MakeFolder(folder); err != nil {
		return run.Output("making the contact sheets", err)
	}
	clusters := make([][]sorted, classes)
	for _, s := range all {
		clusters[s.cluster] = append(clusters[s.cluster], s)
	}
	side, err := source.ViewSize()
	if err != nil {
		return err
	}
	for c, members := range clusters {
		if len(members) == 0 {
			continue
		}
		slices.SortStableFunc(members, func(a, b sorted) int { return cmp.Compare(b.confidence, a.confidence) })
		n := min(len(members), sheetRows*sheetColumns)
		page, place := sheet.New((n+sheetColumns-1)/sheetColumns, min(n, sheetColumns), side, 0)
		for i, s := range members[:n] {
			img, err := source.Image(s.image)
			if err != nil {
				return err
			}
			if img.Deep != nil {
				img = augment.AutoContrast{}.Apply(img)
			}
			place(i/sheetColumns, i%sheetColumns, img)
		}
		path := filepath.Join(folder, fmt.Sprintf("cluster-%0*d.png", max(2, len(strconv.Itoa(classes-1))), c))
		if err := run.WriteFile(path, func(w io.Writer) error { return sheet.WritePNG(w, page) }); err != nil {
			return err
		}
	}
	return nil
}

// summarize returns the report as lines of text.
func (k *clustering) summarize(r *report.Report, source *dataset.Source, all []sorted) (lines []string) {
	line := func(text string) { lines = append(lines, text) }
	last := best(r.Stages)
	line(fmt.Sprintf("%d images in %d clusters", r.Images, last.Used()))
	counts := make([][]int, r.Classes) // images by cluster, then by class
	means := make([]float64, r.Classes)
	for i := range counts {
		counts[i] = make([]int, len(source.Classes))
	}
	for _, s := range all {
		means[s.cluster] += s.confidence / float64(last.Sizes[s.cluster])
		if label := source.Label(s.image); label >= 0 {
			counts[s.cluster][label]++
		}
	}
	for c, size := range last.Sizes {
		text := fmt.Sprintf("  cluster %2d  %6d images  confidence %.3f", c, size, means[c])
		if size > 0 && len(source.Classes) > 0 {
			most := 0
			for label, n := range counts[c] {
				if n > counts[c][most] {
					most = label
				}
			}
			share := 100 * float64(counts[c][most]) / float64(size)
			text += fmt.Sprintf("  mostly %s (%.0f %%)", source.Classes[most], share)
		}
		line(text)
	}
	if r.Stopped != "" {
		line(r.Stopped)
	}
	if last.ACC.Known {
		line(fmt.Sprintf("nearest neighbours with an image's own label: %.3f of 5, %.3f of 20, %.3f of %d",
			r.Purity["5"].Value, r.Purity["20"].Value, r.Purity[strconv.Itoa(widest)].Value, widest))
	}
	heading := "             score  clusters"
	if last.ACC.Known {
		heading += "  ACC    NMI    ARI    kNN    linear"
	}
	line(heading)
	if last.ACC.Known {
		line(fmt.Sprintf("pretext %47s  %s", digits(r.Before.KNN), digits(r.Before.Linear)))
	}
	for _, a := range r.Stages {
		text := fmt.Sprintf("%-11s  %s  %8d", a.Stage, digits(a.Score), a.Used())
		if last.ACC.Known {
			for _, n := range []run.Number{a.ACC, a.NMI, a.ARI, a.KNN, a.Linear} {
				text += "  " + digits(n)
			}
		}
		if a.Stage == r.Best {
			text += "  <- clusters.csv"
		}
		line(text)
	}
	line("score: how much the cluster of an image says about those of its nearest neighbours; needs no labels")
	line("  clusters       " + filepath.Join(k.dir, report.ClustersFile))
	line("  contact sheets " + filepath.Join(k.dir, report.ContactFolder))
	line("  everything     " + filepath.Join(k.dir, report.File) + ", and a run directory for each stage")
	return lines
}

// digits returns a number with three decimals, or a dash of the same width.
func digits(n run.Number) string {
	if !n.Known {
		return "    -"
	}
	return fmt.Sprintf("%.3f", n.Value)
}
