// SPDX-License-Identifier: Apache-2.0

// Package report is what a clustering leaves in its folder, for those who write it and those who read it: the names of its
// files and stages, and the report. It needs neither libtorch nor cgo.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/run"
)

// The stages of a clustering, each a run in a folder of that name.
const (
	Pretext    = "pretext"
	Clustering = "clustering"
	SelfLabel  = "selflabel"
)

// What else the folder of a clustering holds.
const (
	PlanFile      = "cluster.json" // what was asked for
	ClustersFile  = "clusters.csv" // path, cluster, confidence; in each stage, too
	File          = "report.json"
	ContactFolder = "contact" // a contact sheet of each cluster
)

// Report is what a clustering came to: the content of report.json.
type Report struct {
	Event   string                `json:"event"` // "clusters"
	Images  int                   `json:"images"`
	Classes int                   `json:"classes"`
	Purity  map[string]run.Number `json:"purity,omitempty"` // of the nearest 5, 20 and 50 neighbours by the pretext's features
	Before  Quality               `json:"before"`           // of the backbone, before the clustering stage
	Stages  []Assignment          `json:"stages"`
}

// Read reads the report of the clustering in dir.
func Read(dir string) (*Report, error) {
	path := filepath.Join(dir, File)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return r, nil
}

// Assignment is what a stage says of its clusters. Labels were only used to measure.
type Assignment struct {
	Stage     string    `json:"stage"`
	Classes   int       `json:"classes"`
	Sizes     []int     `json:"sizes"`            // images of each cluster
	Head      int       `json:"head"`             // the one that was taken
	Losses    []float64 `json:"losses,omitempty"` // of every head over all images
	Agreement struct {  // of each head with each other, in the mean
		ARI float64 `json:"ari"`
		NMI float64 `json:"nmi"`
	} `json:"agreement"`
	Confidence float64    `json:"confidence"` // the mean probability of an image's cluster
	ACC        run.Number `json:"acc,omitzero"`
	NMI        run.Number `json:"nmi,omitzero"`
	ARI        run.Number `json:"ari,omitzero"`
	Quality
}

// Quality is how good a backbone is, by labels.
type Quality struct {
	KNN    run.Number `json:"knn,omitzero"`
	Linear run.Number `json:"linear,omitzero"` // of a probe fitted to frozen features
}

// Used is how many clusters have an image.
func (a *Assignment) Used() (n int) {
	for _, size := range a.Sizes {
		if size > 0 {
			n++
		}
	}
	return n
}
