// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/eval"
)

// Pixels are the images of one pass, as the network sees them, told apart by hashes of their pixels.
type Pixels struct {
	hashes      []uint64
	plain       int       // images of one colour
	sum, square []float64 // of every pixel, over the images
}

// Hashed returns images by what [Pixels.Hashes] said of them, perhaps in another process.
func Hashed(hashes []uint64) Pixels { return Pixels{hashes: hashes} }

// Hashes returns a hash of each image's pixels, in the order of the pass.
func (p *Pixels) Hashes() []uint64 { return p.hashes }

// Of records the images of a pass.
func (p *Pixels) Of(batches iter.Seq2[eval.Batch, error]) iter.Seq2[eval.Batch, error] {
	return func(yield func(eval.Batch, error) bool) {
		*p = Pixels{}
		for b, err := range batches {
			if err == nil {
				p.add(b)
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

func (p *Pixels) add(b eval.Batch) {
	n := b.Shape[1] * b.Shape[2] * b.Shape[3]
	if p.sum == nil {
		p.sum, p.square = make([]float64, n), make([]float64, n)
	}
	buffer := make([]byte, 4*n)
	for i := range b.Shape[0] {
		image := b.Pixels[i*n : (i+1)*n]
		_, err := binary.Encode(buffer, binary.LittleEndian, image)
		if err != nil {
			panic(err) // the buffer has the size of the pixels
		}
		p.hashes = append(p.hashes, hashOf(buffer))
		plain, plane := true, n/b.Shape[1]
		for at, v := range image {
			plain = plain && v == image[at/plane*plane]
			p.sum[at] += float64(v)
			p.square[at] += float64(v) * float64(v)
		}
		if plain {
			p.plain++
		}
	}
}

func hashOf(pixels []byte) uint64 {
	sum := sha256.Sum256(pixels)
	return binary.LittleEndian.Uint64(sum[:])
}

// distinct counts the different images.
func (p *Pixels) distinct() int {
	all := slices.Clone(p.hashes)
	slices.Sort(all)
	return len(slices.Compact(all))
}

// spread is the standard deviation of a pixel over the images, the root mean square over pixels. Pixels are normalised,
// so it is about 1 for images that have nothing in common.
func (p *Pixels) spread() float64 {
	n, variance := float64(len(p.hashes)), 0.0
	for i, sum := range p.sum {
		variance += max(0, p.square[i]/n-sum*sum/n/n)
	}
	return math.Sqrt(variance / float64(len(p.sum)))
}

// nearlySame is the spread below which images are nearly the same: one or two grey levels.
const nearlySame = 0.02

// Notes says what is wrong with a sample of training images, of which a batch has so many.
func (p *Pixels) Notes(batch int) (notes []string) {
	n, distinct := len(p.hashes), p.distinct()
	switch {
	case n < 2:
		return nil
	case distinct == 1:
		notes = append(notes, fmt.Sprintf("all %d images of the sample are the same: there is nothing to tell apart, "+
			"whatever the method", n))
	case p.spread() < nearlySame:
		notes = append(notes, fmt.Sprintf("all %d images of the sample are nearly the same: a pixel differs by %.2g "+
			"standard deviations of the data between them", n, p.spread()))
	case p.few():
		note := fmt.Sprintf("the sample has %d distinct images of %d", distinct, n)
		if distinct < batch {
			note += fmt.Sprintf(": a batch of %d holds copies, which the method takes for different images", batch)
		}
		notes = append(notes, note)
	}
	if 2*p.plain >= n {
		notes = append(notes, fmt.Sprintf("images of the sample that are of one colour: %d of %d", p.plain, n))
	}
	return notes
}

// few reports whether most of the images are copies.
func (p *Pixels) few() bool { return 2*p.distinct() <= len(p.hashes) }

// Overlap counts the queries, of those with a label, that are also in the bank.
func Overlap(bank, queries *Pixels, labels []int) (n int) {
	in := make(map[uint64]bool, len(bank.hashes))
	for _, hash := range bank.hashes {
		in[hash] = true
	}
	for i, hash := range queries.hashes {
		if labels[i] >= 0 && in[hash] {
			n++
		}
	}
	return n
}

// OverlapNote says that images are in the bank and among the queries; "" if none is.
func OverlapNote(n, queries int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d queries are also in the bank: an accuracy is too high by up to %.3f", n, queries,
		float64(n)/float64(queries))
}
