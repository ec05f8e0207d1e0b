import { paperAddress, repositoryAddress } from './addresses.ts'

const packages = [
  ['diffusion', 'the process and its samplers'],
  ['guidance', 'everything that leans'],
  ['classifier', 'p(y | x_t) and its gradient'],
  ['models', 'the networks'],
  ['compile', 'a whole step as one graph'],
  ['backends', 'the engines'],
  ['checkpoints', 'files of weights'],
  ['pretrained-fashion-mnist', 'the weights of this page'],
] as const

export function Footer() {
  return (
    <footer class="footer">
      <p>
        After <a href={paperAddress}>Diffusion Models Beat GANs on Image Synthesis</a> by Prafulla Dhariwal
        and Alex Nichol (2021). Trained on{' '}
        <a href="https://github.com/zalandoresearch/fashion-mnist">Fashion-MNIST</a>.
      </p>
      <p>
        Made of small packages for Node and browsers, which you can use too:{' '}
        {packages.map(([name, holds], i) => (
          <span key={name}>
            <a href={`${repositoryAddress}/tree/main/packages/${name}#readme`} title={holds}>
              {name}
            </a>
            {i < packages.length - 1 ? ', ' : '.'}
          </span>
        ))}
      </p>
    </footer>
  )
}
