// SPDX-License-Identifier: Apache-2.0

package part

import "github.com/parallax-ssl/parallax"

// Minimum is a loss that cannot be less than when the embeddings are all the same.
func Minimum(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{Loss: loss, Known: true, Minimum: true, Causes: causes}
}

// Chance is a loss that is what a network reaches that learns nothing.
func Chance(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{Loss: loss, Known: true, Causes: causes}
}

// LeastAtZero is a loss that is never negative.
func LeastAtZero(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{Loss: loss, Known: true, Minimum: loss == 0, Causes: causes}
}

// Contrastive is a loss of 1/τ times cosines with negatives, or without them.
func Contrastive(loss float64, negatives bool, temperature float64) parallax.Collapsed {
	if !negatives {
		return Minimum(-1/temperature, "without negatives nothing pushes embeddings apart")
	}
	return Chance(loss, "a temperature that is far too high, a learning rate that is too high, or views that share no "+
		"content, so that no image can be told from the others")
}
