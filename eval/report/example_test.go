// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/eval/report"
	"github.com/parallax-ssl/parallax/pretrain"
)

// encoderFile trains a network for two steps and returns the path of its encoder; it stands for a real run's.
func encoderFile() (path string, remove func()) {
	folder, err := os.MkdirTemp("", "report")
	if err != nil {
		log.Fatal(err)
	}
	out := filepath.Join(folder, "run")
	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("data.path", "synthetic:96"), pretrain.Set("data.size", 16),
		pretrain.Set("method.name", "simclr"), pretrain.Set("backbone.width", 4),
		pretrain.Set("train.batch", 16), pretrain.Set("train.max_steps", 2), pretrain.Set("train.threads", 1),
	}}
	if _, err := pretrain.Run(context.Background(), request, pretrain.Options{Out: out}); err != nil {
		log.Fatal(err)
	}
	return filepath.Join(out, "encoder.safetensors"), func() { os.RemoveAll(folder) }
}

// request is one on few images, so that the examples are quick.
func request(path string) report.Request {
	r := report.Defaults(path)
	r.Data, r.Limit, r.Resamples, r.Threads = "synthetic:96", 60, 100, 1
	return r
}

// rows prints which scores a report has, and of which networks.
func rows(r *report.Report, err error) {
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range r.Rows {
		if row.Network == "trained" {
			fmt.Println(row.Name)
		}
	}
}

func ExampleKNN() {
	path, remove := encoderFile()
	defer remove()
	rows(report.KNN(context.Background(), request(path)))
	// Output: kNN top-1, k 20, T 0.07
}

func ExampleLinear() {
	path, remove := encoderFile()
	defer remove()
	rows(report.Linear(context.Background(), request(path)))
	// Output:
	// ridge top-1
	// ridge top-5
	// sgd top-1
	// sgd top-5
	// lbfgs top-1
	// lbfgs top-5
}

func ExampleFewShot() {
	path, remove := encoderFile()
	defer remove()
	rows(report.FewShot(context.Background(), request(path)))
	// Output:
	// 1 image a class (10)
	// 1 % of the images (10)
	// 10 % of the images (10)
}

func ExampleFineTune() {
	path, remove := encoderFile()
	defer remove()
	r := request(path)
	r.Epochs = 1
	rows(report.FineTune(context.Background(), r))
	// Output:
	// linear head, before
	// fine-tuned
}

func ExampleRetrieval() {
	path, remove := encoderFile()
	defer remove()
	rows(report.Retrieval(context.Background(), request(path)))
	// Output:
	// mAP
	// recall@1
	// recall@5
	// recall@10
}

func ExampleRobustness() {
	path, remove := encoderFile()
	defer remove()
	r := request(path)
	r.Corruptions = []string{"fog", "contrast"}
	rows(report.Robustness(context.Background(), r))
	// Output:
	// clean, ridge
	// clean, kNN
	// corrupted, ridge
	// corrupted, kNN
	// fog, ridge
	// contrast, ridge
	// mCE over untrained
}

func ExampleKMeans() {
	path, remove := encoderFile()
	defer remove()
	rows(report.KMeans(context.Background(), request(path)))
	// Output:
	// silhouette
	// ACC
	// NMI
	// ARI
}

// Two probes of one encoder beside raw pixels, on features that are computed once.
func ExampleAll() {
	path, remove := encoderFile()
	defer remove()
	r := request(path)
	r.Only, r.Against = []string{"knn", "retrieval"}, []string{report.Pixels}
	all, err := report.All(context.Background(), r)
	if err != nil {
		log.Fatal(err)
	}
	for _, of := range all {
		for _, row := range of.Rows[:len(of.Rows)/3] {
			fmt.Println(of.Evaluation, row.Network, row.Name)
		}
	}
	// Output:
	// knn trained kNN top-1, k 20, T 0.07
	// retrieval trained mAP
	// retrieval trained recall@1
	// retrieval trained recall@5
	// retrieval trained recall@10
}
