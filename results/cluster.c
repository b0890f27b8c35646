/* cluster.c - what messages are worth when those of one move share their fate. */
#include "results/cluster.h"

#include <math.h>

#include "base/err.h"
#include "results/simplex.h"
#include "results/special.h"

#define FIT_CALLS 600

struct sums {
    double n2;       /* n squared */
    double between;  /* n (p_j - p)^2 */
    double within;   /* k_j (1 - p_j) */
    double residual; /* (k_j - p n_j)^2 */
};

static struct sums sums_about(struct moves m, double rate)
{
    struct sums s = {0};

    for (size_t i = 0; i < m.count; i++) {
        double k = (double)m.list[i].k;
        double n = (double)m.list[i].n;
        double off = k - rate * n;

        if (m.list[i].n == 0)
            continue;
        s.n2 += n * n;
        s.between += off * off / n;
        s.within += k * (1 - k / n);
        s.residual += off * off;
    }
    return s;
}

/* The ANOVA estimate, not yet cut at 0; NAN where no two messages differ. */
static double icc_raw(const struct cluster *c, const struct sums *s)
{
    double n = (double)c->messages.n;
    double m = (double)c->moves.n;
    double typical = (n - s->n2 / n) / (m - 1);
    double between = s->between / (m - 1);
    double within = n > m ? s->within / (n - m) : 0;

    return (between - within) / (between + (typical - 1) * within);
}

static void cluster_count(struct cluster *c, struct moves m)
{
    for (size_t i = 0; i < m.count; i++) {
        PM_ASSERT(m.list[i].k <= m.list[i].n);
        c->messages.k += m.list[i].k;
        c->messages.n += m.list[i].n;
        c->moves.k += m.list[i].k > 0;
        c->moves.n += m.list[i].n > 0;
    }
}

struct cluster cluster_of(struct moves m)
{
    struct cluster c = {.design_effect = 1, .se_cluster = INFINITY};

    cluster_count(&c, m);
    if (c.messages.n == 0)
        return c;
    double n = (double)c.messages.n;
    double count = (double)c.moves.n;
    c.rate = proportion_rate(c.messages);
    c.se_naive = sqrt(c.rate * (1 - c.rate) / n);
    struct sums s = sums_about(m, c.rate);
    bool mixed = c.messages.k > 0 && c.messages.k < c.messages.n;
    c.estimable = c.moves.n >= 2 && mixed && c.messages.n > c.moves.n;
    if (c.moves.n >= 2)
        c.se_cluster = sqrt(count / (count - 1) * s.residual) / n;
    if (c.moves.n < 2)
        c.icc = 1;
    else if (c.estimable)
        c.icc = fmin(1, fmax(0, icc_raw(&c, &s)));
    c.design_effect = fmax(1, 1 + (s.n2 / n - 1) * c.icc);
    c.n_effective = n / c.design_effect;
    return c;
}

struct interval cluster_interval(const struct cluster *c, double alpha)
{
    if (!c->estimable)
        return proportion_exact(c->moves, alpha);
    return proportion_exact_real(c->rate * c->n_effective, c->n_effective, alpha);
}

struct cluster_bounds cluster_upper(const struct cluster *c, double alpha)
{
    return (struct cluster_bounds){proportion_upper(c->messages, alpha),
                                   proportion_upper(c->moves, alpha)};
}

double beta_binomial_log(uint64_t k, uint64_t n, double alpha, double beta)
{
    PM_ASSERT(k <= n && alpha > 0 && beta > 0);
    double lost = (double)k;
    double kept = (double)(n - k);

    return choose_log((double)n, lost) + beta_log(lost + alpha, kept + beta) -
           beta_log(alpha, beta);
}

/* The simplex moves logit(mean) and ln(alpha + beta). */
static void shapes_at(const double *at, double *alpha, double *beta)
{
    double sum = exp(fmin(fmax(at[1], -13.8), 18.4));
    double mean = 1 / (1 + exp(-fmin(fmax(at[0], -30), 30)));

    *alpha = fmax(sum * mean, 1e-18);
    *beta = fmax(sum * (1 - mean), 1e-18);
}

static double fit_cost(const double *at, void *context)
{
    const struct moves *m = context;
    double alpha;
    double beta;
    double sum = 0;

    shapes_at(at, &alpha, &beta);
    double none = beta_log(alpha, beta);
    for (size_t i = 0; i < m->count; i++) {
        double k = (double)m->list[i].k;
        double kept = (double)(m->list[i].n - m->list[i].k);

        if (m->list[i].n > 0)
            sum += beta_log(k + alpha, kept + beta) - none;
    }
    return -sum;
}

struct beta_binomial beta_binomial_fit(struct moves m)
{
    struct cluster c = cluster_of(m);
    struct beta_binomial fit = {.mean = c.rate};

    if (c.messages.k == 0 || c.messages.k == c.messages.n)
        return fit;
    double icc = fmin(fmax(c.icc, 0.001), 0.9);
    double at[2] = {log(c.rate / (1 - c.rate)), log(1 / icc - 1)};
    double step[2] = {0.5, 1};
    struct simplex_task task = {fit_cost, &m, 2, FIT_CALLS / 2};
    (void)simplex_min(&task, at, step);
    double finer[2] = {0.1,
                       0.1}; /* once more from there: a simplex may have collapsed on its way */
    fit.log_likelihood = -simplex_min(&task, at, finer);
    for (size_t i = 0; i < m.count; i++)
        fit.log_likelihood += choose_log((double)m.list[i].n, (double)m.list[i].k);
    shapes_at(at, &fit.alpha, &fit.beta);
    fit.mean = fit.alpha / (fit.alpha + fit.beta);
    fit.icc = 1 / (1 + fit.alpha + fit.beta);
    fit.fitted = true;
    return fit;
}
