/* sequential.h - when may a run stop early, and still say what it says? By certainty, SPRT, anytime interval, planned looks.
 *
 * Units are moves whose verdict is final, in canonical order (by move number), so that one machine and many stop alike.
 * Pure, no allocation, any thread. Probabilities lie strictly between 0 and 1 unless said otherwise (asserted).
 */
#ifndef RESULTS_SEQUENTIAL_H
#define RESULTS_SEQUENTIAL_H

#include <stdbool.h>

#include "results/stats.h"

/* --- Curtailment: what is already certain ---------------------------------------------------------------- */

enum curtail { CURTAIL_GO_ON, CURTAIL_FAIL, CURTAIL_PASS };

/* `seen` of a plan of `planned` units, of which at most `limit` may lose. FAIL as soon as more have; PASS when the rest
 * cannot exceed the limit any more. seen.n > planned: nothing remains. */
enum curtail curtail_decide(struct proportion seen, uint64_t planned, uint64_t limit);

/* --- SPRT (Wald): "rate at most p0" against "rate at least p1", declared beforehand ------------------------- */

struct sprt {
    double upper, lower;     /* ln((1-beta)/alpha): accept p1; ln(beta/(1-alpha)): accept p0 */
    double per_loss, per_ok; /* ln(p1/p0) > 0; ln((1-p1)/(1-p0)) < 0 */
    double rate_low, rate_high;
};

enum sprt_end { SPRT_GO_ON, SPRT_LOW, SPRT_HIGH }; /* the rate is at most p0; at least p1 */

/* alpha: accepting p1 though p0 holds; beta: accepting p0 though p1 holds. false: not 0 < p0 < p1 < 1, or alpha + beta not
 * below 1. */
bool sprt_init(struct sprt *s, double p0, double p1, double alpha, double beta);
double sprt_sum(const struct sprt *s, struct proportion seen); /* the log likelihood ratio */
/* What `seen` says now. The first decision counts: ask after every unit, and do not go on after it. */
enum sprt_end sprt_decide(const struct sprt *s, struct proportion seen);
/* Units in all after which p0 is accepted if `losses` of them lose, the losses first. */
uint64_t sprt_units_low(const struct sprt *s, uint64_t losses);
uint64_t sprt_losses_high(const struct sprt *s); /* losses in a row from the start that accept p1 */

/* --- An interval that may be looked at after every unit ------------------------------------------------------ */

/* Robbins' mixture with a Beta(1/2, 1/2): over the whole life of a run the true rate is ever outside with probability alpha at
 * most, however often and for whatever reason one looks or stops. Price: about 2.5 times the rule of three at k = 0.
 * k = 0: low is 0; k = n: high is 1; n = 0: 0..1. */
struct interval anytime_interval(struct proportion seen, double alpha);
/* ln of the evidence against this rate; the interval is where it is below ln(1/alpha). rate 0 with losses, or 1 with units
 * without: INFINITY. */
double anytime_evidence(struct proportion seen, double rate);

/* --- Planned looks: how much of alpha may be spent by the fraction t of the plan ------------------------------ */

/* t is clamped to 0..1; 0 at t = 0, alpha at t = 1. */
double spending_obrien_fleming(double t, double alpha);
double spending_pocock(double t, double alpha);
/* What a look at t may use after one at `before`: the sum over all looks is alpha, so p <= this at any look is significant at
 * alpha by the union bound (conservative: it ignores that looks are correlated). 0 unless before < t. */
double spending_step(double (*spending)(double t, double alpha), double before, double t,
                     double alpha);

#endif
