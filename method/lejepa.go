// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var leJEPAEntry = Entry{
	Name:  "lejepa",
	Title: "LeJEPA",
	Date:  "2025-11",
	Paper: "Balestriero & LeCun: LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics. " +
		"2025, arXiv:2511.08544",
	Equation: "L = (1-λ) mean ‖zᵢᵛ - µᵢ‖²/d + λ mean over views and directions a of N ∫ |1/N Σ exp(it a·zᵢ) - " +
		"exp(-t²/2)|² exp(-t²/2) dt,  µᵢ the mean over the global views",
	Collapse: "SIGReg: along random directions the embeddings of a batch must be distributed like a standard normal " +
		"variable, and one point is not",
	Prevents: []Switch{
		{[]string{"method.lambda=0"}, "only the prediction is left, which a constant minimises"},
	},
	Uses: []Part{Statistics},
	New:  func() parallax.Method { return NewLeJEPA() },
}

// LeJEPA draws all views to their mean and the embeddings of a batch to an isotropic Gaussian.
type LeJEPA struct {
	part.Crops
	Lambda     float64 // λ between the prediction (0) and the Gaussian (1), the only weight to tune
	Directions int     // random directions in a step (slices in the paper)
	Knots      int     // knots of the integral, by the trapezoidal rule; odd
	Domain     float64 // the integral runs from minus this to this; the authors' code has 33 knots and 3
	Projector  nn.MLP  // three layers; 16 features suffice in the authors' example

	encoder parallax.Encoder
}

// NewLeJEPA returns LeJEPA with the paper's hyperparameters (section 6.1). The views and the head are those of the
// authors' example, four views of the images' size (MINIMAL.md of rbalestr-lab/lejepa), because the paper has no small
// crops for ResNets. For ViTs it has two global and eight local crops; the authors' README has two and six.
func NewLeJEPA() *LeJEPA {
	return &LeJEPA{
		Crops: part.Crops{
			LargeCrops: 4, SmallSize: 98, LargeScale: [2]float64{0.3, 1}, SmallScale: [2]float64{0.05, 0.3},
		},
		Lambda:     0.05,
		Directions: 1024,
		Knots:      17,
		Domain:     5,
		Projector:  nn.MLP{Widths: []int{2048, 2048, 16}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *LeJEPA) Validate() error {
	if m.Knots%2 == 0 {
		return fmt.Errorf("method.knots is %d: it must be odd, for one of them to be 0", m.Knots)
	}
	return part.First(
		m.Crops.Check(),
		part.Fraction("lambda", m.Lambda),
		part.AtLeast("directions", m.Directions, 1),
		part.AtLeast("knots", m.Knots, 3),
		part.Positive("domain", m.Domain),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns one recipe for all views; views differ in size and scale.
func (m *LeJEPA) Views(size int) []augment.Recipe {
	global, local := augment.LeJEPARecipe(size, m.LargeScale), augment.LeJEPARecipe(m.SmallSize, m.SmallScale)
	return append(part.InTurn(m.LargeCrops, global), part.InTurn(m.SmallCrops, local)...)
}

// Build makes the encoder.
func (m *LeJEPA) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns z of every view.
func (m *LeJEPA) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is algorithm 2, for the step's random directions.
func (m *LeJEPA) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	return m.LossOf(s, z, m.directions(s, z[0].Size(1)))
}

// LossOf is the loss for given directions, the columns of d x Directions, of any length.
func (m *LeJEPA) LossOf(s *parallax.Step, z []torch.Tensor, directions torch.Tensor) torch.Tensor {
	z = part.Gather(s, z)
	directions = directions.Normalize(0).To(z[0].DType())
	centre := part.Mean(z[:m.LargeCrops]) // µ: N x d
	prediction := part.Over(z, func(z torch.Tensor) torch.Tensor { return part.MeanSquare(centre, z) })
	sigreg := part.Over(z, func(z torch.Tensor) torch.Tensor { return m.eppsPulley(z.MatMul(directions)) })
	s.Report("prediction", prediction)
	s.Report("sigreg", sigreg)
	return prediction.Scale(1 - m.Lambda).Add(sigreg.Scale(m.Lambda))
}

// directions draws the step's vectors from N(0, I): d x Directions.
func (m *LeJEPA) directions(s *parallax.Step, d int) torch.Tensor {
	values := make([]float64, d*m.Directions)
	for i := range values {
		values[i] = s.Rand.NormFloat64()
	}
	return torch.FromFloat64(values, d, m.Directions)
}

// eppsPulley is the mean over the columns of x, N x directions, of the Epps and Pulley statistic: N times the integral
// over t of the squared distance of the empirical characteristic function from that of N(0, 1), weighted by the latter.
// The integrand is even, so only the knots t >= 0 are computed.
func (m *LeJEPA) eppsPulley(x torch.Tensor) torch.Tensor {
	half := m.Knots/2 + 1
	step := m.Domain / float64(half-1)
	terms := make([]torch.Tensor, half)
	for k := range terms {
		t := float64(k) * step
		phi := math.Exp(-t * t / 2)
		weight := 2 * step * phi // for t and for -t
		if k == 0 || k == half-1 {
			weight /= 2 // 0 is its own opposite, and the trapezoidal rule halves the ends
		}
		angles := x.Scale(t)
		re, im := angles.Cos().Mean(0), angles.Sin().Mean(0) // 1/N Σ exp(itx)
		terms[k] = re.Shift(-phi).Square().Add(im.Square()).Mean().Scale(weight)
	}
	return part.Sum(terms).Scale(float64(x.Size(0)))
}

// Collapsed is the statistic of one point. It is smallest at 0, the mean of the normal distribution.
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
	c := part.LeastAtZero(m.Lambda*float64(batch)*loss, "too small a weight of the Gaussian (method.lambda)")
	c.SeesLength = true
	return c
}
