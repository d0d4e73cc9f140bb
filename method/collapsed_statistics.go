// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
)

// Collapsed is every feature's (1 - 0)², since nothing correlates with a constant; without centring all correlations are 1 or -1.
func (m *BarlowTwins) Collapsed(int) parallax.Collapsed {
	d := float64(m.Projector.Out(m.branches.Features))
	loss := m.OnDiagonal * d
	if !m.Centring {
		loss = m.Lambda * d * (d - 1)
	}
	c := leastAtZero(m.Scale*loss, "no diagonal term (method.on_diagonal) or no centring, which complete collapse needs, or no redundancy term (method.lambda), without which dimensions repeat each other")
	c.Known = !m.Centring || m.Deviation == "biased" // unbiased is 0 by 0
	return c
}

const vicCauses = "no variance term (method.variance), or one on the variance itself (method.hinge), whose slope vanishes near collapse; without the covariance term dimensions repeat each other"

// lackingOfConstant is v of a constant.
func (t *VICTerms) lackingOfConstant() float64 {
	if t.Hinge == "variance" {
		return math.Max(0, t.Gamma-t.Eps)
	}
	return math.Max(0, t.Gamma-math.Sqrt(t.Eps))
}

// Collapsed is the variance term of a constant: 25·0.99, and twice that in the paper's form.
func (m *VICReg) Collapsed(int) parallax.Collapsed {
	loss := m.Variance * m.lackingOfConstant()
	if m.Form == "paper" {
		loss *= 2
	}
	c := leastAtZero(loss, vicCauses)
	c.SeesLength = true
	return c
}

// Collapsed is VICReg's in the paper's form.
func (m *VIbCReg) Collapsed(int) parallax.Collapsed {
	c := leastAtZero(2*m.Variance*m.lackingOfConstant(), vicCauses)
	c.SeesLength = true
	return c
}

// Collapsed is the minimum without whitening. With it what little differs is blown up until it is all noise, whose cosines are
// 0; the euclidean distance is then that of noise and not that of the constant itself.
func (m *WMSE) Collapsed(int) parallax.Collapsed {
	if m.Whitening {
		c := chance(2, "slices with few more rows than there are features (method.slice), whose whitening amplifies noise")
		c.Known = m.Distance == "cosine"
		return c
	}
	c := minimum(0, "without whitening (method.whitening) nothing keeps embeddings apart")
	c.SeesLength = m.Distance == "euclidean"
	return c
}

// Collapsed is qᵀCq of the one direction that is left, of length 1.
func (m *TiCo) Collapsed(int) parallax.Collapsed {
	return leastAtZero(m.Rho, "too small a weight of the covariance contrast (method.rho)")
}

// Collapsed is the statistic of one point, which is least at 0: the embeddings' mean that a normal distribution has.
func (m *LeJEPA) Collapsed(batch int) parallax.Collapsed {
	loss, half := 0.0, m.Knots/2
	step := m.Domain / float64(half)
	for k := 0; k <= half; k++ {
		t := float64(k) * step
		phi := math.Exp(-t * t / 2)
		weight := 2 * step * phi
		if k == 0 || k == half {
			weight /= 2
		}
		loss += weight * (1 - phi) * (1 - phi)
	}
	c := leastAtZero(m.Lambda*float64(batch)*loss, "too small a weight of the Gaussian (method.lambda)")
	c.SeesLength = true
	return c
}

// Collapsed predicts codes that give all prototypes the same share, best by an embedding as far from each. Without Sinkhorn, and
// with hard codes, one prototype may win, and the loss may go to 0.
func (m *SwAV) Collapsed(int) parallax.Collapsed {
	c := chance(math.Log(float64(m.Prototypes)), "codes without equal shares (method.sinkhorn), an epsilon of the codes that is too large for their rows to differ (method.epsilon), or prototypes that move before the embeddings do (method.freeze_epochs)")
	c.Known = m.Sinkhorn && m.Codes == "soft"
	return c
}

// Collapsed has prototypes that are the same: k-means of one point.
func (m *DeepClusterV2) Collapsed(int) parallax.Collapsed {
	return chance(math.Log(float64(m.Prototypes)), "clusters that take nearly all images: more prototypes than the images have groups, or a learning rate that is too high")
}

// Collapsed is not determined: teacher and student may agree on one output, with a loss of 0, or on all alike, with ln K.
func (m *DINO) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "no centring (method.centring), and one output wins; no sharpening (method.sharpening) or too high a teacher's temperature, and outputs become uniform; or a teacher that follows at once (method.target_momentum)"}
}

// Collapsed relates every image alike to a queue of one point.
func (m *ReSSL) Collapsed(int) parallax.Collapsed {
	return chance(math.Log(float64(m.Queue)), "a teacher that is no sharper than the student (method.teacher_temperature), or follows it at once (method.target_momentum)")
}

// Collapsed is not determined: the classes are the data's.
func (m *PAWS) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "targets that are not sharpened (method.sharpen), or no term for the mean prediction (method.me_max)"}
}

// Collapsed gives every image all clusters alike, which is the best for a weight of the entropy from 2 on. With less of it one
// cluster may be better.
func (m *SCAN) Collapsed(int) parallax.Collapsed {
	c := chance((1-m.EntropyWeight)*math.Log(float64(m.Classes)), "too small a weight of the entropy (method.entropy_weight), and one cluster takes all; or neighbours that say nothing of classes, from a pretext task that learnt little")
	c.Known = m.EntropyWeight >= 2
	return c
}

// Collapsed is not determined: it depends on how sure the network is.
func (m *SelfLabel) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "clusters of the stage before that take nearly all images, or a threshold that only few of them pass (method.threshold)"}
}
