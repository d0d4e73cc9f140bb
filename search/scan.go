// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"errors"

	"github.com/parallax-ssl/parallax/torch"
)

// The sizes of a product: 1024 queries with 2048 rows are 8 MiB of similarities, which stay in a cache.
const (
	queryBlock = 1024
	rowBlock   = 2048
	stripe     = 512 // similarities of one query among which only the largest is looked at first
)

// A Progress is told how many of the rows or pairs were looked at. It may be nil.
type Progress func(done, of int64)

func (p Progress) report(done, of int64) {
	if p != nil {
		p(done, of)
	}
}

// scoped runs f without history on libtorch's thread.
func scoped(f func() error) error {
	return torch.Scope(func() (err error) {
		torch.NoGrad(func() { err = f() })
		return err
	})
}

// A block is a part of the rows: in Go's memory, and as a tensor, padded to a multiple of stripe rows.
type block struct {
	from, n int
	values  []float32 // n x D
	rows    torch.Tensor
}

// row returns row i of the block.
func (b *block) row(i, dim int) []float32 { return b.values[i*dim : (i+1)*dim] }

// blocks calls each with the rows from row from up to row to, in blocks of size rows. A block is valid during the call,
// which is in a scope of the block's.
func (r *Rows) blocks(ctx context.Context, from, to, size int, each func(b *block) error) error {
	buffer := make([]float32, min(size, max(to-from, 0))*r.d)
	for ; from < to; from += size {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n := min(size, to-from)
		values := buffer[:n*r.d]
		if err := r.read(values, from); err != nil {
			return err
		}
		if err := scoped(func() error {
			return each(&block{from: from, n: n, values: values, rows: padded(values, n, r.d)})
		}); err != nil {
			return err
		}
	}
	return nil
}

// held is blocks of all rows, but each is called outside of a scope.
func (r *Rows) held(ctx context.Context, size int, each func(b *block) error) error {
	for from := 0; from < r.n; from += size {
		var q block
		if err := r.blocks(ctx, from, min(from+size, r.n), size, func(b *block) error {
			q = *b
			q.rows.Own()
			return nil
		}); err != nil {
			return err
		}
		if err := q.use(each); err != nil {
			return err
		}
	}
	return nil
}

// use calls each with a block whose tensor is owned, and frees that.
func (b *block) use(each func(b *block) error) (err error) {
	defer func() { err = errors.Join(err, scoped(func() error { torch.Free(b.rows); return nil })) }()
	return each(b)
}

// padded copies n rows into a tensor, with rows of zeros behind them up to a multiple of stripe.
func padded(values []float32, n, dim int) torch.Tensor {
	rows := torch.FromFloat32(values, n, dim)
	if rest := n % stripe; rest > 0 {
		rows = torch.Cat(0, rows, torch.Zeros(torch.F32, stripe-rest, dim))
	}
	return rows
}

// above calls hit for every similarity of query i (of m) and row j (of n) that is at least floor(i), by query and then
// by row. Similarities are float32 products. rows is padded. floor(i) may rise during the calls.
func above(queries torch.Tensor, m int, rows torch.Tensor, n int, floor func(i int) float64,
	hit func(i, j int, similarity float64) error,
) error {
	stripes := rows.Size(0) / stripe
	return scoped(func() error {
		product := queries.Narrow(0, 0, m).RowProducts(rows)
		largest := product.Reshape(-1, stripes, stripe).Max(2).Float32s()
		var found []int
		for i := range m {
			least := floor(i)
			for s, v := range largest[i*stripes : (i+1)*stripes] {
				if float64(v) >= least {
					found = append(found, i*stripes+s)
				}
			}
		}
		const most = 4096 // stripes that are copied at once: 8 MiB
		striped := product.Reshape(-1, stripe)
		for ; len(found) > 0; found = found[min(most, len(found)):] {
			part := found[:min(most, len(found))]
			if err := scoped(func() error {
				values := striped.IndexSelect(0, torch.FromInts(part, len(part))).Float32s()
				for at, index := range part {
					i, first := index/stripes, index%stripes*stripe
					for j, v := range values[at*stripe : at*stripe+min(stripe, n-first)] {
						if float64(v) >= floor(i) {
							if err := hit(i, first+j, float64(v)); err != nil {
								return err
							}
						}
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
