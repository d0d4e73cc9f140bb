// SPDX-License-Identifier: Apache-2.0

// Package report defines what a clustering leaves in its folder: the names of its files and stages, and the report.
// Writers and readers share it. It needs neither libtorch nor cgo.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/run"
)

// The stages of a clustering. Each has a folder of that name, which is a run directory for all but KMeans.
const (
	Pretext    = "pretext"
	KMeans     = "kmeans" // k-means on the pretext's features, to compare with
	Clustering = "clustering"
	SelfLabel  = "selflabel"
)

// Other files and folders of a clustering.
const (
	PlanFile      = "cluster.json" // the plan
	ClustersFile  = "clusters.csv" // path, cluster, confidence; each stage with clusters has one, too
	File          = "report.json"
	ContactFolder = "contact" // a contact sheet of each cluster
)

// Report is the result of a clustering: the content of report.json.
type Report struct {
	Event   string                `json:"event"` // "clusters"
	Images  int                   `json:"images"`
	Classes int                   `json:"classes"`
	Purity  map[string]run.Number `json:"purity,omitempty"` // share of the nearest 5, 20, 50 neighbours with the same label
	Premise *Premise              `json:"premise,omitempty"`
	Before  Quality               `json:"before"`            // the backbone before the clustering stage
	Stages  []Assignment          `json:"stages"`            // k-means, clustering, selflabel
	Best    string                `json:"best,omitempty"`    // the stage with the best score, whose clusters clusters.csv holds
	Stopped string                `json:"stopped,omitempty"` // why self-labelling stopped early
}

// Premise says, without labels, whether the pretext's features are good enough to cluster.
type Premise struct {
	// Agreement is the mean adjusted Rand index over pairs of heads that SCAN's loss trained on the features from
	// different starting weights. With clear clusters every head finds them.
	Agreement float64 `json:"agreement"`
	// Consistency is the share of an image's nearest neighbours that stay when the image is augmented as in the
	// clustering stage.
	Consistency float64 `json:"consistency"`
	Good        bool    `json:"good"` // both are high enough
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

// Assignment describes the clusters of a stage. Labels serve for measuring only.
type Assignment struct {
	Stage     string    `json:"stage"`
	Classes   int       `json:"classes"`
	Sizes     []int     `json:"sizes"`            // images of each cluster
	Head      int       `json:"head"`             // the chosen head
	Losses    []float64 `json:"losses,omitempty"` // of every head, over all images
	Agreement struct {  // mean over all pairs of heads
		ARI float64 `json:"ari"`
		NMI float64 `json:"nmi"`
	} `json:"agreement"`
	Confidence float64 `json:"confidence"` // mean probability of an image's own cluster
	// Score needs no labels: the mutual information between the clusters of an image and of its nearest neighbours, as
	// a share of its largest value, ln K.
	Score run.Number `json:"score,omitzero"`
	ACC   run.Number `json:"acc,omitzero"`
	NMI   run.Number `json:"nmi,omitzero"`
	ARI   run.Number `json:"ari,omitzero"`
	Quality
}

// Quality holds accuracies of a backbone, 0 to 1. They are absent without labels.
type Quality struct {
	KNN    run.Number `json:"knn,omitzero"`
	Linear run.Number `json:"linear,omitzero"` // of a linear probe on frozen features
}

// Used returns how many clusters have an image.
func (a *Assignment) Used() (n int) {
	for _, size := range a.Sizes {
		if size > 0 {
			n++
		}
	}
	return n
}
