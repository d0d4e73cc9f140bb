// SPDX-License-Identifier: Apache-2.0

package features

import (
	"context"

	"github.com/parallax-ssl/parallax/internal/tsne"
)

// Map makes one map, as a [Course] does: of a sample's own plane if before is nil, or else from the map before it, of
// the same images.
func (s *Sample) Map(ctx context.Context, before [][2]float64) (points [][2]float64, err error) {
	if before != nil {
		return s.lay(ctx, before, tsne.Again)
	}
	if points, err = s.Plane(ctx); err != nil {
		return nil, err
	}
	return s.lay(ctx, points, tsne.Whole)
}
