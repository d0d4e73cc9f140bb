// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/run"
)

// The size of a cluster's contact sheet: its most confident images, row by row.
const (
	sheetRows    = 5
	sheetColumns = 8
)

// report is what a clustering came to.
type report struct {
	Event   string                `json:"event"` // "clusters"
	Images  int                   `json:"images"`
	Classes int                   `json:"classes"`
	Purity  map[string]run.Number `json:"purity,omitempty"` // of the nearest 5, 20 and 50 neighbours by the pretext's features
	Before  quality               `json:"before"`           // of the backbone, before the clustering stage
	Stages  []assignment          `json:"stages"`
}

// sorted is an image with its cluster.
type sorted struct {
	image, cluster int
	confidence     float64
}

// report writes the output's files and tells what they hold.
func (k *clustering) report(classes int, stages []string) error {
	last := k.in(stages[len(stages)-1])
	r := report{Event: "clusters", Classes: classes}
	if err := readJSON(filepath.Join(k.in(clusteringStage), beforeFile), &r.Before); err != nil {
		return err
	}
	for _, stage := range stages {
		var a assignment
		if err := readJSON(filepath.Join(k.in(stage), assignmentFile), &a); err != nil {
			return err
		}
		r.Stages = append(r.Stages, a)
	}
	source, err := sourceOf(last)
	if err != nil {
		return err
	}
	defer source.Close()
	text, err := os.ReadFile(filepath.Join(last, clustersFile))
	if err != nil {
		return err
	}
	all, err := readClusters(string(text), source, classes)
	if err != nil {
		return err
	}
	r.Images = len(all)
	if err := k.purity(&r, source); err != nil {
		return err
	}
	if err := run.WriteFile(filepath.Join(k.dir, clustersFile), func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	if err := run.WriteFile(filepath.Join(k.dir, reportFile), indented(r)); err != nil {
		return err
	}
	if err := k.sheets(source, all, classes); err != nil {
		return err
	}
	if k.json {
		return json.NewEncoder(k.out).Encode(r)
	}
	k.tell(&r, source, all)
	return nil
}

// sourceOf opens the images as a run saw them.
func sourceOf(dir string) (*dataset.Source, error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	values, err := run.Values(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	for _, v := range values {
		of[v.Path] = v.Text
	}
	size, _ := strconv.Atoi(of["data.size"])
	return dataset.Open(of["data.path"], dataset.Options{Split: of["data.split"], Labels: of["data.labels"], Size: size})
}

// readClusters reads clusters.csv.
func readClusters(text string, source *dataset.Source, classes int) ([]sorted, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", clustersFile, err)
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
			return nil, fmt.Errorf("reading %s, line %d: %q is not an image of the data with its cluster", clustersFile, line+2, record)
		}
		all = append(all, sorted{i, cluster, confidence})
	}
	return all, nil
}

// purity measures the neighbours, where the images have labels.
func (k *clustering) purity(r *report, source *dataset.Source) error {
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
		r.Purity[strconv.Itoa(n)] = known(eval.Purity(near, labels, n))
	}
	return nil
}

// sheets draws every cluster's most confident images.
func (k *clustering) sheets(source *dataset.Source, all []sorted, classes int) error {
	folder := filepath.Join(k.dir, contactFolder)
	old, err := filepath.Glob(filepath.Join(folder, "cluster-*.png")) // of a clustering that was reported before
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	clusters := make([][]sorted, classes)
	for _, s := range all {
		clusters[s.cluster] = append(clusters[s.cluster], s)
	}
	side, err := viewSize(source)
	if err != nil {
		return err
	}
	for c, members := range clusters {
		if len(members) == 0 {
			continue
		}
		slices.SortStableFunc(members, func(a, b sorted) int { return cmp.Compare(b.confidence, a.confidence) })
		n := min(len(members), sheetRows*sheetColumns)
		sheet, place := blankSheet((n+sheetColumns-1)/sheetColumns, min(n, sheetColumns), side, 0)
		for i, s := range members[:n] {
			img, err := source.Image(s.image)
			if err != nil {
				return err
			}
			place(i/sheetColumns, i%sheetColumns, img)
		}
		path := filepath.Join(folder, fmt.Sprintf("cluster-%0*d.png", max(2, len(strconv.Itoa(classes-1))), c))
		if err := run.WriteFile(path, func(w io.Writer) error { return png.Encode(w, sheet) }); err != nil {
			return err
		}
	}
	return nil
}

// tell prints the report.
func (k *clustering) tell(r *report, source *dataset.Source, all []sorted) {
	last := r.Stages[len(r.Stages)-1]
	k.note(fmt.Sprintf("%d images in %d clusters", r.Images, last.used()))
	counts := make([][]int, r.Classes) // of each class in each cluster
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
		line := fmt.Sprintf("  cluster %2d  %6d images  confidence %.3f", c, size, means[c])
		if size > 0 && len(source.Classes) > 0 {
			most := 0
			for label, n := range counts[c] {
				if n > counts[c][most] {
					most = label
				}
			}
			line += fmt.Sprintf("  mostly %s (%.0f %%)", source.Classes[most], 100*float64(counts[c][most])/float64(size))
		}
		k.note(line)
	}
	if n := len(r.Stages); n > 1 && last.used() < r.Stages[n-2].used() {
		before := r.Stages[n-2]
		k.note(fmt.Sprintf("self-labelling left %d of %d clusters: too few images were sure of the others. A longer pretext helps; %s has all of them",
			last.used(), before.used(), filepath.Join(k.dir, before.Stage, clustersFile)))
	}
	if last.ACC.Known {
		k.note(fmt.Sprintf("nearest neighbours with an image's own label: %.3f of 5, %.3f of 20, %.3f of %d", r.Purity["5"].Value, r.Purity["20"].Value, r.Purity[strconv.Itoa(widest)].Value, widest))
		k.note("             ACC    NMI    ARI    kNN    linear")
		k.note(fmt.Sprintf("pretext                           %s  %s", digits(r.Before.KNN), digits(r.Before.Linear)))
		for _, a := range r.Stages {
			k.note(fmt.Sprintf("%-11s  %s  %s  %s  %s  %s", a.Stage, digits(a.ACC), digits(a.NMI), digits(a.ARI), digits(a.KNN), digits(a.Linear)))
		}
	}
	k.note("  clusters       " + filepath.Join(k.dir, clustersFile))
	k.note("  contact sheets " + filepath.Join(k.dir, contactFolder))
	k.note("  everything     " + filepath.Join(k.dir, reportFile) + ", and a run directory for each stage")
}

// digits is a number of three digits, or as much space.
func digits(n run.Number) string {
	if !n.Known {
		return "    -"
	}
	return fmt.Sprintf("%.3f", n.Value)
}
