// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// The statuses of a Row.
const (
	OK     = "ok"     // the image has an embedding
	Failed = "failed" // the image could not be read or embedded; the row's reason says why
)

// MaxDim is the greatest number of dimensions of a file.
const MaxDim = 1 << 16

// maxText is how many bytes a path, a reason or a label may have.
const maxText = 1 << 16

// Row is what a file says of one image.
type Row struct {
	Path   string // the image's name in its data set
	SHA256 string // of the bytes of the image's file, in hexadecimal; "" if they could not be read
	Status string // OK or Failed
	Reason string // why the image failed; "" if it did not
	Label  string // the name of the image's class; "" without one
	Vector []float32
}

// Card is what a file says of itself: how its embeddings came to be. Keys are short words, and others than those below
// may occur.
type Card map[string]string

// The keys of a Card.
const (
	CardModel       = "model"       // the network, for example "resnet18, width 64"
	CardMethod      = "method"      // the objective it was trained with
	CardWeights     = "weights"     // SHA-256 of the network's weights
	CardData        = "data"        // the images that were embedded, as they were named
	CardFingerprint = "fingerprint" // of the data set: its names, sizes and labels
	CardLayer       = "layer"       // backbone, projector or blocks
	CardViews       = "views"       // how many views of an image were averaged
	CardMirrored    = "mirrored"    // "true" if an image and its mirror image were averaged
	CardNormalized  = "normalized"  // "true" if each embedding has length 1
	CardSize        = "size"        // side in pixels of the network's images
	CardPrecision   = "precision"   // float32 or float16: of the file
	CardChannels    = "channels"    // keep or pages, if images kept theirs: see dataset.Options
	CardVersion     = "version"     // of the program that wrote the file
)

// A Block is some consecutive rows of a file.
type Block struct {
	Start   int       // the number of its first row in the file, from 0
	Rows    []Row     // their vectors are parts of Vectors
	Vectors []float32 // of the rows that are OK, in order: len(OK) x the file's dimensions
	OK      []int     // the places in Rows of the rows that have a vector
}

// check refuses a row that a file cannot hold.
func (r *Row) check(dim int) error {
	for _, text := range []struct{ name, value string }{
		{"path", r.Path}, {"sha256", r.SHA256}, {"reason", r.Reason}, {"label", r.Label},
	} {
		if len(text.value) > maxText {
			return fmt.Errorf("its %s has %d bytes: at most %d can be kept", text.name, len(text.value), maxText)
		}
	}
	switch {
	case r.Status == Failed && r.Vector != nil:
		return fmt.Errorf("it is %s but has a vector", Failed)
	case r.Status == Failed:
		return nil
	case r.Status != OK:
		return fmt.Errorf("its status is %q: it must be %s or %s", r.Status, OK, Failed)
	case len(r.Vector) != dim:
		return fmt.Errorf("its vector has %d dimensions: the file has %d", len(r.Vector), dim)
	}
	return finite(r.Vector)
}

// finite refuses values that are not numbers: nothing can be searched or fitted with them.
func finite(vector []float32) error {
	for i, v := range vector {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("dimension %d of its vector is %v: it must be finite", i, v)
		}
	}
	return nil
}

// clean returns text as a file holds it: UTF-8, without bytes that a format would change.
func clean(text string) string {
	if utf8.ValidString(text) && !strings.ContainsAny(text, "\r\x00") {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && size == 1 || r == '\r' || r == 0 {
			fmt.Fprintf(&b, `\x%02x`, rest[0])
		} else {
			b.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	return b.String()
}
