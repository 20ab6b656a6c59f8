/** Who may set triggers: they change what runs, so those who may deploy where versions are reviewed. */
import { may, tenantOf } from '../model/galley';
import { useChanges, useGalley } from './context';

/** Why the reader may not; null where they may. */
export function useSettingReason(tenant: string): string | null {
  const { me, trans } = useGalley();
  useChanges(me);
  const reviewed = (tenantOf(me.value, tenant)?.gates ?? []).length > 0;
  return may(me.value, tenant, reviewed ? 'deploy' : 'operate')
    ? null
    : trans.__('Your roles in %1 do not allow setting triggers.', tenant);
}
