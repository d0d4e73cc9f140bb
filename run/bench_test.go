// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"path/filepath"
	"testing"
)

// BenchmarkLog writes the event of a step, as a line and for TensorBoard.
func BenchmarkLog(b *testing.B) {
	d, err := Create(filepath.Join(b.TempDir(), "a"), example(b))
	must(b, err)
	log, err := d.OpenLog(0)
	must(b, err)
	e := Event{Event: StepEnd, Metrics: map[string]Number{Loss: Num(1), Rate: Num(0.1), ImagesPerSecond: Num(100)},
		Terms: map[string]Number{"attraction": Num(-1), "repulsion": Num(8)}}
	for b.Loop() {
		e.Step++
		must(b, log.Write(e))
	}
	must(b, errors.Join(log.Close(), d.Close()))
}
